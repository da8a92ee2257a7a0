// The lab in a real browser: every view renders, a slider changes the image, a drawn cyst appears, mistakes are told, a lesson is
// completed, Doppler measures what is there, twins differ where they should; nothing is logged as an error.
//     node browser_test.mjs PROGRAM [FOLDER FOR SCREENSHOTS]
// Exit code 0: all passed; 1: something failed; 77: the program was built without its page.
import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import {existsSync, mkdirSync} from 'node:fs';
import {chromium} from 'playwright-core';

const [program, folder] = process.argv.slice(2);
const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((f) => existsSync(f));
if (!executablePath) {
  console.error('there is no Chromium: apt-get install chromium');
  process.exit(1);
}
const patience = 60_000;

const server = spawn(program, ['lab'], {stdio: ['ignore', 'pipe', 'pipe']});
let said = '';
for (const stream of [server.stdout, server.stderr]) stream.on('data', (d) => (said += d));
const ended = new Promise((r) => server.once('exit', r));
for (let i = 0; i < 300 && !/http:\/\/127\.0\.0\.1:\d+\//.test(said) && server.exitCode === null; i++) await new Promise((r) => setTimeout(r, 100));
const address = said.match(/http:\/\/127\.0\.0\.1:\d+\//)?.[0];
if (!address) {
  console.error(said);
  process.exit(said.includes('without the lab') ? 77 : 1);
}

const browser = await chromium.launch({executablePath, args: ['--no-sandbox']});
let failed = 0;

/** A page that has its first image, and the list of what its console complained of. */
async function open(options = {}) {
  const page = await browser.newPage({viewport: {width: 1500, height: 1000}, reducedMotion: 'reduce', ...options});
  page.setDefaultTimeout(patience);
  const complaints = [];
  page.on('console', (m) => m.type() === 'error' && complaints.push(m.text()));
  page.on('pageerror', (e) => complaints.push(e.message));
  await page.goto(address);
  await page.locator('.bench canvas').first().waitFor();
  return {page, complaints};
}
const idle = (page) => page.waitForFunction(() => document.querySelector('.bench .status[aria-live="off"]') && !document.querySelector('.bench .status[aria-live="off"]').innerText.endsWith('...'));
/** The picture's pixels as grey levels, and its size. */
const pixels = (page, where = '.bench canvas') =>
  page.locator(where).first().evaluate((c) => ({width: c.width, height: c.height, grey: Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).filter((_, i) => i % 4 === 0)}));
const mean = ({width, grey}, x0, x1, z0, z1) => {
  let sum = 0;
  for (let z = z0; z < z1; z++) for (let x = x0; x < x1; x++) sum += grey[z * width + x];
  return sum / ((x1 - x0) * (z1 - z0));
};
async function changed(page, act) {
  const before = (await pixels(page)).grey.join();
  await act();
  for (let i = 0; i < patience / 100; i++) {
    await page.waitForTimeout(100);
    if ((await pixels(page)).grey.join() !== before) return idle(page);
  }
  throw new Error('the image did not change');
}
const slide = (page, label, value) =>
  page.getByLabel(label, {exact: true}).evaluate((input, v) => {
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(input, v);
    input.dispatchEvent(new Event('input', {bubbles: true}));
  }, value);

async function test(name, body, options) {
  const started = Date.now();
  const {page, complaints} = await open(options);
  try {
    await body(page);
    assert.deepEqual(complaints, [], 'the console complained');
    console.log(`passed: ${name} (${Date.now() - started} ms)`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED: ${name}\n${error.stack}\n${complaints.join('\n')}`);
  } finally {
    if (folder) {
      mkdirSync(folder, {recursive: true});
      await page.screenshot({path: `${folder}/${name.replaceAll(/[^a-z0-9]+/gi, '_')}.png`, fullPage: true});
    }
    await page.close();
  }
}

try {
  await test('every view renders', async (page) => {
    for (const view of ['Wave', 'Beam', 'All channels', 'One channel', 'Delays', 'Image line', 'Point spread']) {
      await page.getByRole('tab', {name: view, exact: true}).click();
      await page.locator('.stages canvas').first().waitFor();
      const drawn = await pixels(page, '.stages canvas');
      assert.ok(drawn.width > 20 && drawn.height > 20, view);
      assert.equal(await page.locator('.stages .error').count(), 0, view);
    }
  });

  await test('a slider changes the image and the answer says how exact it is', async (page) => {
    await changed(page, () => slide(page, 'Frequency', 5));
    const status = await page.locator('.bench .status[aria-live="off"]').innerText();
    assert.match(status, /error at most 0\.01/);
    assert.match(status, /answer in \d+ ms/);
    await changed(page, () => slide(page, 'Dynamic range', 30));
  });

  await test('a drawn cyst is dark and labelled', async (page) => {
    await page.getByRole('button', {name: 'clear', exact: true}).click();
    await idle(page);
    await page.waitForTimeout(500);
    const box = await page.locator('.bench .plot').boundingBox();
    const at = (x, z) => [box.x + x * box.width, box.y + z * box.height];
    await page.getByRole('button', {name: 'cyst', exact: true}).click();
    await changed(page, async () => {
      await page.mouse.move(...at(0.3, 0.35));
      await page.mouse.down();
      await page.mouse.move(...at(0.6, 0.6), {steps: 4});
      await page.mouse.up();
    });
    const image = await pixels(page);
    const [w, h] = [image.width, image.height];
    const inside = mean(image, Math.round(0.4 * w), Math.round(0.5 * w), Math.round(0.43 * h), Math.round(0.52 * h));
    const beside = mean(image, Math.round(0.75 * w), Math.round(0.85 * w), Math.round(0.43 * h), Math.round(0.52 * h));
    assert.ok(inside < beside - 255 * (6 / 60), `inside ${inside}, beside ${beside}: less than 6 dB darker`);
    await page.getByRole('button', {name: 'truth', exact: true}).click();
    assert.match(await page.locator('.legend').innerText(), /cyst/);
  });

  await test('a wrong value gets a clear message', async (page) => {
    await page.locator('input[type=file]').setInputFiles({name: 'bad.yaml', mimeType: 'text/yaml', buffer: Buffer.from('phantom: {type: scene, background: livre}\nprobe: L11-5v\nsequence: {type: plane_waves, angles: [0 deg]}\nreceive: {sampling_rate: 30 MHz, depth: 20}\n')});
    const text = await page.locator('.bench .error').innerText();
    assert.match(text, /line \d+, column \d+/);
    assert.match(text, /livre.*liver/s);
    assert.match(text, /depth/);
  });

  await test('a lesson is completed', async (page) => {
    await page.getByRole('button', {name: 'Pulse and wavelength', exact: true}).click();
    const [first, second] = await page.locator('.task label').allInnerTexts();
    const [, frequency, speed] = first.match(/of ([\d.]+) MHz travels at ([\d.]+) m\/s/);
    const [, cycles] = second.match(/has (\d+) cycles/);
    const wavelength = +speed / (+frequency * 1e6);
    await page.locator('.task input').nth(0).fill(`${(wavelength * 1e3).toFixed(4)} mm`);
    await page.locator('.task input').nth(1).fill(`${(wavelength * +cycles * 2e3).toFixed(4)} mm`);  // twice what it is
    await page.getByRole('button', {name: 'Check my predictions'}).click();
    await page.locator('.task .right').waitFor();
    assert.equal(await page.locator('.task .wrong').count(), 1);
    await page.locator('.task input').nth(1).fill(`${(wavelength * +cycles * 1e3).toFixed(4)} mm`);
    await page.getByRole('button', {name: 'Check my predictions'}).click();
    await page.waitForFunction(() => document.querySelectorAll('.task .right').length === 2);
    await changed(page, () => page.getByRole('button', {name: "Load this lesson's scene"}).click());
    assert.equal(await page.locator('.bench .error').count(), 0);
  });

  await test('Doppler measures what is there and says when it wraps', async (page) => {
    await page.getByLabel('Benches').getByRole('button', {name: 'Doppler'}).click();
    const facts = page.locator('.stages .facts');
    await facts.first().waitFor();
    const numbers = async () => (await facts.first().innerText()).match(/-?[\d.]+ cm\/s/g).map(parseFloat);
    const [measured, truth, limit] = await numbers();
    assert.ok(Math.abs(measured - truth) < 0.15 * Math.abs(truth), `measured ${measured}, true ${truth}`);
    assert.ok(limit > Math.abs(truth));
    await slide(page, 'Mean velocity', 60);
    await page.getByText('the blood is faster').waitFor();
    const [wrapped] = await numbers();
    assert.ok(wrapped > 0, `${wrapped}: away from the probe should look like towards it`);
  });

  await test('artefacts and twins', async (page) => {
    await page.getByLabel('Artefact', {exact: true}).selectOption('shadow');
    await changed(page, () => page.getByRole('button', {name: 'break', exact: true}).click());
    await page.getByRole('tab', {name: 'Twin', exact: true}).click();
    await page.getByRole('button', {name: 'pin this scene'}).click();
    await changed(page, () => page.getByRole('button', {name: 'make', exact: true}).click());
    await page.locator('.changes code').first().waitFor();
    assert.match(await page.locator('.changes').innerText(), /regions.*attenuation.*0\.5 dB\/cm\/MHz → 3 dB\/cm\/MHz/s);
    // Above and beside the mass nothing changes but by its side lobes; behind it the wave has lost some 2 x 2.5 x 0.5 x 7.6 = 19 dB.
    const difference = await page.locator('.stages canvas').first().evaluate((c) => {
      const data = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
      const at = (x, z) => (data[4 * (z * c.width + x) + 2] - data[4 * (z * c.width + x)]) / 255;  // blue - red: darker now
      const part = (x0, x1, z0, z1) => {
        let sum = 0;
        for (let z = Math.round(z0 * c.height); z < z1 * c.height; z++) for (let x = Math.round(x0 * c.width); x < x1 * c.width; x++) sum += at(x, z);
        return sum / ((x1 - x0) * c.width * (z1 - z0) * c.height);
      };
      return {behind: part(0.45, 0.55, 0.6, 0.9), above: part(0.05, 0.2, 0.02, 0.15)};
    });
    assert.ok(difference.behind > 0.2, JSON.stringify(difference));
    assert.ok(Math.abs(difference.above) < 0.05, JSON.stringify(difference));
  });

  await test('a phone and the dark', async (page) => {
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= 390, `the page is ${wide} pixels wide on a phone of 390`);
    const paper = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    assert.ok(paper.match(/\d+/g).slice(0, 3).every((v) => +v < 60), paper);
  }, {viewport: {width: 390, height: 844}, colorScheme: 'dark'});

  await test('ten pages stay responsive', async (page) => {
    const others = await Promise.all(Array.from({length: 9}, () => open()));
    const latencies = [];
    for (const [i, one] of [{page}, ...others].entries()) {
      const began = Date.now();
      await changed(one.page, () => slide(one.page, 'Receive f-number', 2 + 0.25 * (i % 3)));
      latencies.push(Date.now() - began);
    }
    latencies.sort((a, b) => a - b);
    console.log(`ten pages: an image after ${latencies[5]} ms (median), ${latencies[9]} ms (slowest)`);
    for (const one of others) {
      assert.deepEqual(one.complaints, []);
      await one.page.close();
    }
  });
} finally {
  await browser.close();
  server.kill('SIGINT');
  await ended;
}
console.log(failed === 0 ? 'all passed' : `${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
