import {get, numberOf, probes, put, withDepth, withProbe} from './scene.js';

/** Finds what `describe` says of a key, so that hints and limits are those of the command line. */
function fieldOf(start, scene, path) {
  if (!start) return null;
  const keys = path.split('.');
  let list = start.config;
  let found = null;
  for (const key of keys) {
    found = list?.find((f) => f.key === key);
    if (!found) return null;
    if (found.catalog) {
      const section = scene[key];
      const type = typeof section === 'string' ? section : section?.type ?? found.default;
      const rows = start.catalogs[found.catalog];
      const preset = rows?.presets.find((r) => r.name === type);
      list = (rows?.types.find((r) => r.name === type) ?? rows?.types.find((r) => r.name === preset?.type))?.keys ?? preset?.keys;
    } else list = found.keys;
  }
  return found;
}

export function Slider({start, scene, set, path, name, unit = '', from, to, step, otherwise, write}) {
  const known = fieldOf(start, scene, path);
  const raw = get(scene, path);
  const value = raw === undefined || raw === 'none' ? otherwise : numberOf(Array.isArray(raw) ? raw[0] : String(raw));
  const id = `s-${path.replaceAll('.', '-')}`;
  const change = (e) => {
    const v = parseFloat(e.currentTarget.value);
    set(write ? write(scene, v) : put(scene, path, unit ? `${v} ${unit}` : v));
  };
  return (
    <div class="control" title={known?.doc ?? ''}>
      <label for={id}>{name}</label>
      <output for={id}>{value}{unit && ` ${unit}`}</output>
      <input id={id} type="range" min={from} max={to} step={step} value={value} onInput={change} aria-describedby={known ? `${id}-doc` : undefined} />
      {known && <span class="hidden" id={`${id}-doc`}>{known.doc}</span>}
    </div>
  );
}

/** What the table says of the background, or what the scene itself does: "1595 m/s". */
function ofBackground(start, scene, quantity) {
  const background = scene.phantom?.background ?? 'liver';
  const own = typeof background === 'object' ? background : null;
  return own?.[quantity] ?? start?.catalogs?.tissue?.presets.find((p) => p.name === (own?.name ?? background))?.keys?.find((k) => k.key === quantity)?.default;
}

/** One property of the background; changed, the tissue is written out with all the others as the table has them. */
function TissueSlider({start, scene, set, quantity, name, unit, from, to, step}) {
  const background = scene.phantom?.background ?? 'liver';
  const own = typeof background === 'object' ? background : null;
  const keys = start?.catalogs?.tissue?.presets.find((p) => p.name === (own?.name ?? background))?.keys ?? [];
  const known = keys.find((k) => k.key === quantity);
  const value = numberOf(own?.[quantity] ?? known?.default ?? '0');
  const write = (v) => {
    const all = Object.fromEntries(keys.filter((k) => k.default !== undefined && k.default !== null).map((k) => [k.key, k.default]));
    const next = put(scene, 'phantom.background', {...all, ...own, [quantity]: `${v} ${unit}`});
    // Left out, the scanner assumes the background's speed; it shall not follow what is changed here.
    set(quantity === 'sound_speed' && scene.sound_speed === undefined ? put(next, 'sound_speed', `${value} ${unit}`) : next);
  };
  const id = `s-tissue-${quantity}`;
  return (
    <div class="control" title={known?.doc ?? ''}>
      <label for={id}>{name}</label><output for={id}>{value} {unit}</output>
      <input id={id} type="range" min={from} max={to} step={step} value={value} disabled={keys.length === 0 && !own} onInput={(e) => write(parseFloat(e.currentTarget.value))} />
    </div>
  );
}

export function Choice({scene, set, path, name, options, value, write, hint}) {
  const id = `c-${path.replaceAll('.', '-')}`;
  return (
    <div class="control" title={hint}>
      <label for={id}>{name}</label>
      <select id={id} value={value ?? get(scene, path)} onChange={(e) => set(write ? write(scene, e.currentTarget.value) : put(scene, path, e.currentTarget.value))}>
        {options.map((o) => <option key={o} value={o}>{o}</option>)}
      </select>
    </div>
  );
}

const sequences = {
  'plane wave': (s, angle) => ({...s, sequence: {type: 'plane_waves', angles: [`${angle} deg`]}}),
  'compounded plane waves': (s) => ({...s, sequence: {type: 'plane_waves', angles: {from: '-12 deg', to: '12 deg', count: 5}}}),
  'focused beams': (s) => ({...s, sequence: {type: 'focused_beams', focus: '15 mm', lines: 64, f_number: 2, window: 'none'}}),
  'diverging wave': (s) => ({...s, sequence: {type: 'diverging_waves', angles: ['0 deg'], width: '60 deg'}}),
};

const kindOf = (sequence) =>
  sequence.type === 'focused_beams' ? 'focused beams' : sequence.type === 'diverging_waves' ? 'diverging wave' : Array.isArray(sequence.angles) && sequence.angles.length === 1 ? 'plane wave' : 'compounded plane waves';

export function Controls({start, scene, set, gain, setGain, tgc, setTgc}) {
  const probe = typeof scene.probe === 'string' ? scene.probe : scene.probe?.type;
  const known = probes[probe];
  const kind = kindOf(scene.sequence ?? {});
  const all = {start, scene, set};
  return (
    <form class="controls" aria-label="Settings" onSubmit={(e) => e.preventDefault()}>
      <fieldset>
        <legend>Probe and pulse</legend>
        <Choice {...all} path="probe.type" name="Probe" value={probe} options={Object.keys(probes)} write={withProbe} hint="A published array" />
        <Slider {...all} path="probe.elements" name="Elements" from={8} to={known?.elements === 96 ? 192 : 128} step={8} otherwise={known?.elements ?? 64}
          write={(s, v) => withDepth(put(s, 'probe.elements', v), numberOf(s.receive.depth))} />
        <Slider {...all} path="probe.frequency" name="Frequency" unit="MHz" from={1} to={12} step={0.1} otherwise={known?.frequency ?? 5}
          write={(s, v) => put(put(s, 'probe.frequency', `${v} MHz`), 'receive.sampling_rate', `${+(4 * v).toFixed(2)} MHz`)} />
        <Slider {...all} path="pulse.cycles" name="Cycles" from={0.5} to={8} step={0.5} otherwise={1} />
      </fieldset>
      <fieldset>
        <legend>Transmit</legend>
        <Choice {...all} path="sequence.type" name="Waves" value={kind} options={Object.keys(sequences)} write={(s, v) => sequences[v](s, 0)} hint="Which wave is sent" />
        {kind === 'plane wave' && <Slider {...all} path="sequence.angles" name="Steering" unit="deg" from={-25} to={25} step={1} otherwise={0} write={(s, v) => put(s, 'sequence.angles', [`${v} deg`])} />}
        {kind === 'compounded plane waves' && <Slider {...all} path="sequence.angles.count" name="Angles" from={2} to={31} step={1} otherwise={5} />}
        {kind === 'focused beams' && <Slider {...all} path="sequence.focus" name="Focus" unit="mm" from={5} to={80} step={1} otherwise={15} />}
        {kind === 'focused beams' && <Slider {...all} path="sequence.f_number" name="Transmit f-number" from={1} to={8} step={0.5} otherwise={2} />}
        {kind === 'focused beams' && <Choice {...all} path="sequence.window" name="Transmit taper" options={['none', 'hann', 'hamming', 'tukey25', 'tukey50']} hint="Apodisation of the transmitting aperture" />}
        {kind === 'diverging wave' && <Slider {...all} path="sequence.width" name="Opening" unit="deg" from={10} to={120} step={5} otherwise={60} />}
      </fieldset>
      <fieldset>
        <legend>Receive and image</legend>
        <Slider {...all} path="beamformer.f_number" name="Receive f-number" from={0.5} to={6} step={0.25} otherwise={1.5} />
        <Choice {...all} path="beamformer.window" name="Receive taper" options={['none', 'hann', 'hamming', 'blackman', 'tukey25', 'tukey50', 'tukey75']} hint="Apodisation of the receiving aperture" />
        <Slider {...all} path="sound_speed" name="Assumed sound speed" unit="m/s" from={1350} to={1750} step={5} otherwise={numberOf(ofBackground(start, scene, 'sound_speed') ?? '1540')} />
        <Slider {...all} path="receive.noise.snr" name="Signal to noise" unit="dB" from={-20} to={80} step={2} otherwise={80} />
        <Slider {...all} path="receive.elements.dead_count" name="Dead elements" from={0} to={48} step={1} otherwise={0} />
        <Slider {...all} path="image.compensation" name="Depth gain for" unit="dB/cm/MHz" from={0} to={1} step={0.05} otherwise={0} />
        <div class="control" title="Brightness of the display">
          <label for="s-gain">Display gain</label><output for="s-gain">{gain} dB</output>
          <input id="s-gain" type="range" min={-30} max={30} step={1} value={gain} onInput={(e) => setGain(parseFloat(e.currentTarget.value))} />
        </div>
        <details class="tgc">
          <summary>TGC: {tgc.map((v) => `${v > 0 ? '+' : ''}${v}`).join(' ')} dB</summary>
          {tgc.map((v, i) => (
            <div class="control" key={i}>
              <label for={`s-tgc-${i}`}>{['Top', 'Upper', 'Middle', 'Lower', 'Bottom'][i]}</label><output for={`s-tgc-${i}`}>{v} dB</output>
              <input id={`s-tgc-${i}`} type="range" min={-30} max={30} step={1} value={v} onInput={(e) => setTgc(tgc.map((old, k) => (k === i ? parseFloat(e.currentTarget.value) : old)))} />
            </div>
          ))}
        </details>
        <Slider {...all} path="image.dynamic_range" name="Dynamic range" unit="dB" from={20} to={90} step={5} otherwise={60} />
        <Slider {...all} path="receive.depth" name="Depth" unit="mm" from={10} to={120} step={5} otherwise={25} write={withDepth} />
      </fieldset>
      <fieldset>
        <legend>Tissue</legend>
        <Choice {...all} path="phantom.background" name="Background" value={typeof scene.phantom?.background === 'string' ? scene.phantom.background : scene.phantom?.background?.name ?? 'liver'}
          options={start?.catalogs?.tissue?.presets.map((p) => p.name) ?? ['liver']} hint="Tissue where nothing is drawn" write={(s, v) => put(s, 'phantom.background', v)} />
        <TissueSlider start={start} scene={scene} set={set} quantity="sound_speed" name="True sound speed" unit="m/s" from={1350} to={1750} step={5} />
        <TissueSlider start={start} scene={scene} set={set} quantity="attenuation" name="Attenuation" unit="dB/cm/MHz" from={0} to={2} step={0.05} />
      </fieldset>
    </form>
  );
}
