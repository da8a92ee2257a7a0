// The same scene with one thing changed: what was pinned, what is now, and the difference.
import {useMemo} from 'preact/hooks';
import {bytes} from './api.js';
import {Picture} from './picture.jsx';

/** Keys whose values differ, "a.b.c". */
export function changes(a, b, path = '') {
  if (JSON.stringify(a) === JSON.stringify(b)) return [];
  const both = [a, b].every((v) => v !== null && typeof v === 'object');
  if (!both) return [{path, from: a, to: b}];
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].flatMap((key) => changes(a[key], b[key], path ? `${path}.${key}` : key));
}

/** Levels on one scale for all scenes: the picture's 0 dB is its own brightest pixel. */
const levels = (image) => Float32Array.from(bytes(image.values), (v) => (v / 255 - 1) * image.dynamic_range + (image.reference ?? 0));

/** Mean level of each class and of the rest [dB, one scale for all scenes]. */
function means(result) {
  const values = levels(result.image);
  const classes = bytes(result.labels.values);
  const sums = {};
  for (let i = 0; i < values.length; i++) {
    const name = classes[i] ? result.labels.names[classes[i] - 1] : 'background';
    const sum = (sums[name] ??= [0, 0]);
    sum[0] += 10 ** (values[i] / 10);
    sum[1] += 1;
  }
  return Object.fromEntries(Object.entries(sums).map(([name, [sum, n]]) => [name, 10 * Math.log10(sum / n)]));
}

const span = 24; // dB either way

export function Twin({pinned, scene, result, onPin}) {
  const same = pinned && result && ['x', 'z'].every((a) => JSON.stringify(pinned.result.image[a]) === JSON.stringify(result.image[a]));
  const map = useMemo(() => {
    if (!same) return null;
    const [a, b] = [levels(pinned.result.image), levels(result.image)];
    return {...result.image, values: Uint8Array.from(a, (v, i) => Math.max(0, Math.min(255, 127.5 + (127.5 * (b[i] - v)) / span)))};
  }, [pinned, result, same]);
  if (!pinned)
    return <div><p>Pin the scene as it is, then change one thing: the same scatterers and the same noise come back, so that every difference is the change's own.</p><button type="button" disabled={!result} onClick={onPin}>pin this scene</button></div>;
  const list = changes(pinned.scene, scene);
  const [before, now] = [means(pinned.result), result ? means(result) : {}];
  const zero = pinned.result.image.reference ?? 0;
  const show = (v) => (v === undefined ? 'none' : typeof v === 'object' ? JSON.stringify(v) : String(v));
  return (
    <div>
      <button type="button" onClick={onPin}>pin the scene of now</button>
      <ul class="changes">{list.length === 0 ? <li>Nothing is changed yet.</li> : list.slice(0, 8).map((c) => <li key={c.path}><code>{c.path}</code>: {show(c.from)} → {show(c.to)}</li>)}</ul>
      {map ? <Picture map={map} colours="wave" title="Now minus pinned" low={`-${span} dB`} high={`+${span} dB`} /> : <p>The two images stand on different pixels: no difference is drawn.</p>}
      <table>
        <thead><tr><th>Mean level</th><th>pinned</th><th>now</th><th>change</th></tr></thead>
        <tbody>
          {Object.keys(before).map((name) => (
            <tr key={name}><td>{name}</td><td>{(before[name] - zero).toFixed(1)} dB</td><td>{now[name] === undefined ? '' : `${(now[name] - zero).toFixed(1)} dB`}</td><td>{now[name] === undefined ? '' : `${(now[name] - before[name]).toFixed(1)} dB`}</td></tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
