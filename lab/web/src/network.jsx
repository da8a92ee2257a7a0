// A trained segmenter on the drawn phantom: its mask beside the exact one, Dice, and what a layer of fat does to it.
import {useEffect, useMemo, useRef, useState} from 'preact/hooks';
import {bytes, network} from './api.js';
import {useNewest} from './newest.js';
import {Picture, outline} from './picture.jsx';
import {Plot} from './plot.jsx';
import {fatOf, networkScene, text, withFat, withPropagation} from './scene.js';

const draws = {fast: [7, 8, 9], slow: [7]};
const thicknesses = [0, 3, 6, 9, 12, 15];
/** From a tenth below the lowest value to 1. */
const diceRange = (_, low) => [Math.max(0, Math.floor(low * 10 - 0.5) / 10), 1];
const trueColour = '#4fc3f7';
const foundColour = '#ffb300';

/** Dice over fat thickness, for several draws of the speckle. */
function Curve({scene, model, truth}) {
  const [points, setPoints] = useState([]);
  const [running, setRunning] = useState(false);
  const [speed, setSpeed] = useState(true);
  const [measured, setMeasured] = useState(true);  // what the points were made with
  const [error, setError] = useState('');
  const stop = useRef(false);
  useEffect(() => () => (stop.current = true), []);
  const seeds = speed ? draws.slow : draws.fast;
  const total = thicknesses.length * seeds.length;
  const run = async () => {
    stop.current = false;
    setRunning(true);
    setError('');
    setPoints([]);
    setMeasured(speed);
    try {
      for (const fat of thicknesses)
        for (const seed of seeds) {
          if (stop.current) return setRunning(false);
          const config = text({...withPropagation(withFat(scene, fat), speed), seed});
          const {dice} = await network('curve', {view: 'network', config, model, truth});
          if (!stop.current) setPoints((p) => [...p, {fat, seed, dice}]);
        }
    } catch (e) {
      if (!e.replaced) setError(e.message);
    }
    setRunning(false);
  };
  const plot = useMemo(() => {
    const at = thicknesses.filter((fat) => points.some((p) => p.fat === fat));
    const value = (fat, seed) => points.find((p) => p.fat === fat && p.seed === seed)?.dice ?? null;
    const mean = (fat) => {
      const list = points.filter((p) => p.fat === fat);
      return list.reduce((sum, p) => sum + p.dice, 0) / list.length;
    };
    return {x: at, series: [{name: 'mean', values: at.map(mean), colour: '#d0463b'}, ...(measured ? draws.slow : draws.fast).map((seed) => ({name: `seed ${seed}`, values: at.map((fat) => value(fat, seed)), colour: '#2878c8', points: true, width: 0}))]};
  }, [points, measured]);
  return (
    <div>
      <div class="row">
        {running ? <><progress max={total} value={points.length} aria-label="Curve of Dice" /><button type="button" onClick={() => (stop.current = true)}>cancel</button></>
          : <button type="button" onClick={run}>Dice against fat thickness</button>}
        <label><input type="checkbox" checked={speed} disabled={running} onChange={(e) => setSpeed(e.currentTarget.checked)} /> the layer's sound speed counts too (engine exact, some ten seconds a point): the scanner does not know it, and shows the lesion too deep</label>
      </div>
      {error && <p class="error" role="alert">{error}</p>}
      {plot.x.length > 1 && <Plot x={plot.x} series={plot.series} xLabel="Fat layer [mm]" yLabel="Dice" range={diceRange} title={`Same lesion, fat above it: ${measured ? 'losses and sound speed' : 'losses alone, three draws of speckle and noise'}`} />}
    </div>
  );
}

export function Network({scene, config, networks, onScene}) {
  const names = networks?.names ?? [];
  const [model, setModel] = useState('');
  const chosen = names.includes(model) ? model : names[0];
  const [truth, setTruth] = useState('');
  const [data, setData] = useState(null);
  const {ask, busy, error} = useNewest(async (request) => {
    try {
      setData(await network('live', request));
    } catch (e) {
      if (!e.replaced && request.truth) setTruth('');  // the class was erased
      throw e;
    }
  });
  useEffect(() => {
    if (!chosen) return;
    ask({view: 'network', config, model: chosen, ...(truth ? {truth} : {})});
  }, [config, chosen, truth]);
  const outlines = useMemo(() => data && [
    {path: outline(bytes(data.truth), data.image.x, data.image.z), colour: trueColour},
    {path: outline(bytes(data.found), data.image.x, data.image.z), colour: foundColour, dash: '6 4'},
  ], [data]);
  if (!networks) return <p>Loading ...</p>;
  if (!networks.possible) return <p>This program was built without LibTorch. Install it (<code>apt-get install libtorch-dev</code>) and build again.</p>;
  if (!chosen)
    return (
      <div>
        <p>No trained network is here. Train a small one (three minutes), then start the lab with it:</p>
        <pre class="yaml">{'./sonoforge generate configs/datasets/cyst.yaml -o out/cysts &&\n./sonoforge train configs/train_cyst.yaml &&\n./sonoforge lab --model out/train_cyst/model.pt'}</pre>
      </div>
    );
  const fat = fatOf(scene);
  const mm2 = (v) => `${(v * 1e6).toFixed(1)} mm²`;
  return (
    <div>
      <div class="row">
        <label for="n-model">Network</label>
        <select id="n-model" value={chosen} onChange={(e) => setModel(e.currentTarget.value)}>{names.map((n) => <option key={n} value={n}>{n}</option>)}</select>
        {data && data.classes.length > 0 && (
          <>
            <label for="n-truth">is to find</label>
            <select id="n-truth" value={data.of} onChange={(e) => setTruth(e.currentTarget.value)}>{data.classes.map((n) => <option key={n} value={n}>{n}</option>)}</select>
          </>
        )}
        <button type="button" onClick={() => { setTruth(''); onScene(networkScene()); }}>a scene as in configs/datasets/cyst.yaml</button>
      </div>
      <div class="control" title="In place of what the scene has there; losses count (propagation: shadow)">
        <label for="n-fat">Fat layer</label><output for="n-fat">{fat} mm</output>
        <input id="n-fat" type="range" min="0" max="20" step="1" value={fat} onInput={(e) => onScene(withFat(scene, +e.currentTarget.value))} />
      </div>
      {error && <p class="error" role="alert">{error}</p>}
      {!data && !error && <p>Loading the network ...</p>}
      {data && (
        <>
          <p class="dice" aria-live="polite">Dice <strong>{data.dice.toFixed(3)}</strong>{data.of === null && ' (nothing is labelled: nothing should be marked)'}{busy && ' ...'}</p>
          <Picture map={data.image} outlines={outlines} title="What the network marks, and what is there" low={`-${data.image.dynamic_range} dB`} high="0 dB"
            describe={`B-mode image with the outline of ${data.of ?? 'nothing'} and of what the network marks`} />
          <ul class="legend"><li><i style={{background: trueColour}} />true: {data.of ?? 'none'}, {mm2(data.areas.truth)}</li><li><i style={{background: foundColour}} />marked: {mm2(data.areas.found)}</li></ul>
          <p class="status">The network was trained to mark “{data.model.label}”, sees {data.model.lateral} x {data.model.depth} pixels and {data.model.dynamic_range} dB. Image: engine {data.facts.engine}, error at most {data.facts.error}.</p>
          <Curve scene={scene} model={chosen} truth={data.of} />
        </>
      )}
    </div>
  );
}
