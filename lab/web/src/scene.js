// The scene as the page holds it: the same mapping that a config file is, so that saving it gives a file the command line runs.
import {parse, stringify} from 'yaml';

export const mm = (value) => `${+value.toFixed(3)} mm`;
/** "4 mm", "5 MHz", "12 deg", "40 dB" -> the number before the unit. */
export const numberOf = (text) => parseFloat(text);

export const start = () => ({
  sonoforge: 1,
  seed: 7,
  phantom: {
    type: 'scene',
    background: 'liver',
    regions: [
      {shape: {type: 'ellipsoid', centre: ['-4 mm', '0 mm', '14 mm'], radii: ['2.5 mm', '5 mm', '2.5 mm']}, tissue: 'cyst', label: 'cyst'},
      {shape: {type: 'ellipsoid', centre: ['4 mm', '0 mm', '17 mm'], radii: ['2.5 mm', '5 mm', '1.8 mm']}, tissue: 'tumour', label: 'mass'},
    ],
    extent: {x: ['-7.2 mm', '7.2 mm'], y: ['0 mm', '0 mm'], z: ['2 mm', '25 mm']},
    scatterer_density: '50 /mm^3',
    wires: {positions: [['0 mm', '8 mm'], ['0 mm', '20 mm']], amplitude: 25},
  },
  probe: {type: 'L11-5v', elements: 48},
  pulse: {cycles: 1},
  sequence: {type: 'plane_waves', angles: ['0 deg']},
  receive: {sampling_rate: '30.4 MHz', depth: '25 mm', noise: {snr: '50 dB'}},
  engine: {type: 'scatterers', model: 'simus', dimensions: 2, accuracy: 0.01},
  beamformer: {type: 'delay_and_sum', f_number: 1.5, window: 'hann'},
  image: {x: ['-7.2 mm', '7.2 mm', '0.1 mm'], z: ['2 mm', '25 mm', '0.08 mm'], compensation: '0.5 dB/cm/MHz', dynamic_range: '60 dB'},
  labels: ['segmentation'],
});

/** Half of the probe's width and its frequency [MHz], as the library has them. */
export const probes = {
  'L11-5v': {pitch: 0.3, elements: 48, frequency: 7.6, depth: 25},
  'L12-3v': {pitch: 0.2, elements: 96, frequency: 7.54, depth: 25},
  'P4-2v': {pitch: 0.3, elements: 64, frequency: 2.72, depth: 80},
  'C5-2v': {pitch: 0.508, elements: 64, frequency: 3.57, depth: 80},
};

export const text = (scene) => stringify(scene, {flowCollectionPadding: false, lineWidth: 140});
export const read = (yaml) => {
  const scene = parse(yaml);
  if (scene === null || typeof scene !== 'object' || Array.isArray(scene)) throw new Error('this is not a config: it must be a mapping');
  return scene;
};

const copy = (value) => JSON.parse(JSON.stringify(value));

/** A copy with the value at "a.b.c" replaced; undefined removes it. */
export function put(scene, path, value) {
  const next = copy(scene);
  const keys = path.split('.');
  let at = next;
  for (const key of keys.slice(0, -1)) {
    if (typeof at[key] === 'string') at[key] = {type: at[key]};
    at = at[key] ??= {};
  }
  if (value === undefined) delete at[keys.at(-1)];
  else at[keys.at(-1)] = value;
  return next;
}

export function get(scene, path) {
  let at = scene;
  for (const key of path.split('.')) {
    if (at === null || at === undefined) return undefined;
    at = at[key];
  }
  return at;
}

/** Everything that depends on the probe's size and reach. */
export function withProbe(scene, name) {
  const known = probes[name];
  if (!known) return put(scene, 'probe', name);
  const next = copy(scene);
  next.probe = {type: name, elements: known.elements};
  next.receive.sampling_rate = `${+(4 * known.frequency).toFixed(2)} MHz`;
  return withDepth(next, known.depth);
}

export function withDepth(scene, depth) {
  const next = copy(scene);
  const probe = typeof next.probe === 'string' ? next.probe : next.probe.type;
  const known = probes[probe] ?? probes['L11-5v'];
  const elements = next.probe.elements ?? known.elements;
  const half = Math.max((known.pitch * elements) / 2, probe === 'P4-2v' || probe === 'C5-2v' ? depth * 0.45 : 0);
  const step = depth > 40 ? 0.25 : 0.1;
  next.receive.depth = mm(depth);
  next.phantom.extent = {x: [mm(-half), mm(half)], y: ['0 mm', '0 mm'], z: ['2 mm', mm(depth)]};
  // Some three scatterers in a resolution cell, whose size follows from wavelength and reach: enough for speckle.
  next.phantom.scatterer_density = `${Math.round((known.frequency > 5 ? 1250 : 560) / depth)} /mm^3`;
  next.image.x = [mm(-half), mm(half), mm(step)];
  next.image.z = ['2 mm', mm(depth), mm(step * 0.8)];
  return next;
}

const layer = 'fat_layer';
const isLayer = (region) => region.label === layer;
const regionsOf = (scene) => (Array.isArray(scene.phantom?.regions) ? scene.phantom.regions : []);

/** Thickness of the fat layer [mm] that `withFat` put over the scene. */
export const fatOf = (scene) => {
  const found = regionsOf(scene).find(isLayer);
  return found ? numberOf(found.shape.z[1]) : 0;
};

/** The scene with fat in place of its first millimetres; what is drawn stays where it is. Losses along the way count. */
export function withFat(scene, thickness) {
  const rest = regionsOf(scene).filter((r) => !isLayer(r));
  const regions = thickness > 0 ? [{shape: {type: 'slab', z: ['0 mm', mm(thickness)]}, tissue: 'fat', label: layer}, ...rest] : rest;
  return withPropagation(put(scene, 'phantom.regions', regions), false);
}

/** Losses of what is drawn with the fast engine; its sound speeds too with the exact one. */
export function withPropagation(scene, speed) {
  if (speed) return put(scene, 'engine', {type: 'exact', model: 'physical', dimensions: 2, propagation: 'straight'});
  return scene.engine?.type === 'scatterers' ? put(scene, 'engine.propagation', 'shadow') : scene;
}

/** A patient of configs/datasets/cyst.yaml, with the fast engine. */
export const networkScene = () => ({
  sonoforge: 1,
  seed: 7,
  phantom: {
    type: 'scene',
    background: 'liver',
    regions: [{shape: {type: 'ellipsoid', centre: ['0 mm', '0 mm', '19 mm'], radii: ['3.5 mm', '3.5 mm', '3.5 mm']}, tissue: 'cyst', label: 'lesion'}],
    extent: {x: ['-10 mm', '10 mm'], y: ['0 mm', '0 mm'], z: ['2 mm', '30 mm']},
    scatterer_density: '15 /mm^3',
  },
  probe: {type: 'L11-5v', elements: 64},
  pulse: {cycles: 1},
  sequence: {type: 'plane_waves', angles: ['0 deg']},
  receive: {sampling_rate: '30.4 MHz', depth: '31 mm', noise: {snr: '30 dB'}},
  engine: {type: 'scatterers', model: 'simus', dimensions: 2, accuracy: 0.01, propagation: 'shadow'},
  beamformer: {type: 'delay_and_sum', f_number: 1.5, window: 'hann'},
  image: {x: ['-9 mm', '9 mm', '0.15 mm'], z: ['9 mm', '29 mm', '0.1 mm'], compensation: '0.5 dB/cm/MHz', dynamic_range: '60 dB'},
  labels: ['segmentation'],
});
