// Artefacts to make and break: each is a scene that shows it, the same scene without it, and what to look for.
import {useState} from 'preact/hooks';
import {put, start} from './scene.js';

const wires = (positions, amplitude = 25) => ({positions: positions.map(([x, z]) => [`${x} mm`, `${z} mm`]), amplitude});
const regions = (...list) => list.map(([centre, radii, tissue, label]) => ({shape: {type: 'ellipsoid', centre: [`${centre[0]} mm`, '0 mm', `${centre[1]} mm`], radii: [`${radii[0]} mm`, `${radii[1]} mm`, `${radii[2]} mm`]}, tissue, label}));
const with_ = (changes) => Object.entries(changes).reduce((scene, [path, value]) => put(scene, path, value), start());
const tissue = (attenuation, more = {}) => ({name: 'lesion', sound_speed: '1540 m/s', density: '1060 kg/m^3', attenuation: `${attenuation} dB/cm/MHz`, scatterer_density: '100 /mm^3', scatterer_strength: 1, ...more});

const angles = (count) => ({type: 'plane_waves', angles: {from: '-12 deg', to: '12 deg', count}});

const reverberant = (on) => with_({
  'phantom.regions': [{shape: {type: 'slab', z: ['0 mm', '8 mm']}, tissue: 'fat', label: 'fat'}, ...regions([[0, 13], [4, 5, 3.5], 'cyst', 'cyst'])],
  'phantom.wires': undefined,
  ...(on ? {reverberation: {upper: '0 mm', lower: '8 mm', upper_reflection: 0.6, lower_reflection: 0.3, orders: 2}} : {}),
});

export const artefacts = {
  'wrong sound speed': {
    look: 'The wires stand too shallow or too deep, and smear: the scanner assumes another speed than the tissue has.',
    made: () => with_({'phantom.regions': [], 'phantom.wires': wires([[-6, 6], [0, 10], [6, 14], [0, 18], [-6, 22]], 200), sound_speed: '1440 m/s'}),
    broken: () => with_({'phantom.regions': [], 'phantom.wires': wires([[-6, 6], [0, 10], [6, 14], [0, 18], [-6, 22]], 200), sound_speed: '1570 m/s'}),
  },
  'grating lobes': {
    look: 'Elements wider apart than half a wavelength also hear echoes from the side: ghosts of the wires beside them.',
    made: () => with_({probe: {type: 'linear_array', frequency: '7.6 MHz', elements: 20, pitch: '0.9 mm', width: '0.15 mm', height: '5 mm', elevation_focus: 'none', response: {bandwidth: '40 %'}}, 'pulse.cycles': 3, sequence: {type: 'plane_waves', angles: ['0 deg']},
      'beamformer.f_number': 0.7, 'phantom.background': 'cyst', 'phantom.regions': [], 'phantom.wires': wires([[0, 12], [0, 20]], 1)}),
    broken: () => with_({probe: {type: 'linear_array', frequency: '7.6 MHz', elements: 120, pitch: '0.15 mm', width: '0.13 mm', height: '5 mm', elevation_focus: 'none', response: {bandwidth: '40 %'}}, 'pulse.cycles': 3, sequence: {type: 'plane_waves', angles: ['0 deg']},
      'beamformer.f_number': 0.7, 'phantom.background': 'cyst', 'phantom.regions': [], 'phantom.wires': wires([[0, 12], [0, 20]], 1)}),
  },
  'side lobes': {
    look: 'A strong reflector spreads to its sides into the cyst: an untapered aperture has side lobes of -13 dB, a tapered one trades them for width.',
    made: () => with_({'beamformer.window': 'none', 'phantom.regions': regions([[-3.5, 16], [3, 5, 3], 'cyst', 'cyst']), 'phantom.wires': wires([[0.6, 16]], 250), 'image.dynamic_range': '70 dB'}),
    broken: () => with_({'beamformer.window': 'blackman', 'beamformer.f_number': 1, 'phantom.regions': regions([[-3.5, 16], [3, 5, 3], 'cyst', 'cyst']), 'phantom.wires': wires([[0.6, 16]], 250), 'image.dynamic_range': '70 dB'}),
  },
  'shadow': {
    look: 'Behind a lesion that takes more from the wave than its surroundings, everything is darker than it truly is.',
    made: () => with_({'engine.propagation': 'shadow', 'phantom.regions': regions([[0, 9], [3, 5, 2.5], tissue(3), 'mass']), 'phantom.wires': undefined}),
    broken: () => with_({'engine.propagation': 'shadow', 'phantom.regions': regions([[0, 9], [3, 5, 2.5], tissue(0.5), 'mass']), 'phantom.wires': undefined}),
  },
  'enhancement': {
    look: 'Behind fluid, which takes nothing from the wave, depth gain makes the tissue brighter than it truly is.',
    made: () => with_({'engine.propagation': 'shadow', 'phantom.background': tissue(1.2, {name: 'dense'}), 'image.compensation': '1.2 dB/cm/MHz', 'phantom.regions': regions([[0, 10], [3, 5, 3], 'cyst', 'cyst']), 'phantom.wires': undefined, sequence: angles(5)}),
    broken: () => with_({'engine.propagation': 'shadow', 'phantom.background': tissue(0, {name: 'lossless'}), 'image.compensation': undefined, 'phantom.regions': regions([[0, 10], [3, 5, 3], 'cyst', 'cyst']), 'phantom.wires': undefined, sequence: angles(5)}),
  },
  'refraction': {
    look: 'A region of other speed bends and delays what passes it: the wires behind it move and split. Sound speed varies along rays here (engine exact, some seconds).',
    made: () => with_({engine: {type: 'exact', model: 'physical', dimensions: 2, propagation: 'eikonal'}, 'phantom.background': 'water', 'phantom.scatterer_density': undefined,
      'phantom.regions': regions([[0, 8], [4, 5, 3], tissue(0.2, {sound_speed: '1420 m/s', scatterer_density: '0 /mm^3'}), 'lens']), 'phantom.wires': wires([[-6, 18], [-3, 18], [0, 18], [3, 18], [6, 18]], 1), 'receive.noise': undefined, labels: ['segmentation']}),
    broken: () => with_({engine: {type: 'exact', model: 'physical', dimensions: 2, propagation: 'uniform'}, 'phantom.background': 'water', 'phantom.scatterer_density': undefined,
      'phantom.regions': regions([[0, 8], [4, 5, 3], tissue(0.2, {sound_speed: '1420 m/s', scatterer_density: '0 /mm^3'}), 'lens']), 'phantom.wires': wires([[-6, 18], [-3, 18], [0, 18], [3, 18], [6, 18]], 1), 'receive.noise': undefined, labels: ['segmentation']}),
  },
  'slice thickness': {
    look: 'The image plane is some millimetres thick: tissue before and behind fills a small sphere in. A slice of no thickness keeps it empty.',
    made: () => with_({engine: {type: 'scatterers', model: 'physical', dimensions: 3, accuracy: 0.01}, 'phantom.extent.y': ['-2 mm', '2 mm'], 'phantom.scatterer_density': '8 /mm^3', 'phantom.regions': regions([[0, 9], [1.2, 1.2, 1.2], 'cyst', 'cyst'], [[0, 18], [1.2, 1.2, 1.2], 'cyst', 'cyst']), 'phantom.wires': undefined}),
    broken: () => with_({'phantom.regions': regions([[0, 9], [1.2, 1.2, 1.2], 'cyst', 'cyst'], [[0, 18], [1.2, 1.2, 1.2], 'cyst', 'cyst']), 'phantom.wires': undefined}),
  },
  'dead elements': {
    look: 'Silent elements take from every echo and leave the rest with side lobes: contrast falls first, and less in the middle of the depth.',
    made: () => with_({'receive.elements': {dead_count: 32}}),
    broken: () => with_({}),
  },
  'reverberation': {
    look: 'Sound that goes to and fro between the probe and a fascia at 8 mm comes late: the tissue below it shows once more 8 mm deeper, within a cyst that is truly empty.',
    made: () => reverberant(true),
    broken: () => reverberant(false),
  },
  'aliasing': {
    look: 'Blood that moves by more than half a wave between pulses is shown as moving the other way: raise Mean velocity, or lower Pulses a second, on the Doppler bench.',
  },
  'speckle': {
    look: 'Grain that is not in the tissue: echoes of many scatterers in one resolution cell. Waves of several angles average it out.',
    made: () => with_({'phantom.wires': undefined}),
    broken: () => with_({'phantom.wires': undefined, sequence: {type: 'plane_waves', angles: {from: '-18 deg', to: '18 deg', count: 13}}}),
  },
};

export function Artefacts({onScene, onDoppler}) {
  const [name, setName] = useState('wrong sound speed');
  const one = artefacts[name];
  return (
    <div class="artefacts">
      <div class="row">
        <label for="artefact">Artefact</label>
        <select id="artefact" value={name} onChange={(e) => setName(e.currentTarget.value)}>{Object.keys(artefacts).map((n) => <option key={n} value={n}>{n}</option>)}</select>
        {one.made ? (
          <>
            <button type="button" onClick={() => onScene(one.made())}>make</button>
            <button type="button" onClick={() => onScene(one.broken())}>break</button>
          </>
        ) : <button type="button" onClick={onDoppler}>go to Doppler</button>}
      </div>
      <p class="status">{one.look} Truth is drawn over both.</p>
    </div>
  );
}
