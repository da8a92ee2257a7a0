// What is drawn: name, tissue and size of each region, to change and to remove.
import {get, numberOf, put} from './scene.js';

const sizeOf = ({type, radii, z, radius}) =>
  type === 'ellipsoid' ? `${(2 * numberOf(radii[0])).toFixed(1)} x ${(2 * numberOf(radii[2])).toFixed(1)} mm` : type === 'slab' && z ? `${z[0]} to ${z[1]}` : type === 'cylinder' ? `radius ${radius}` : type;

export function Drawn({scene, set, tissues}) {
  const regions = get(scene, 'phantom.regions');
  const wires = get(scene, 'phantom.wires.positions') ?? [];
  if (!Array.isArray(regions) || (regions.length === 0 && wires.length === 0)) return null;
  const change = (i, key, value) => set(put(scene, 'phantom.regions', regions.map((r, k) => (k === i ? {...r, [key]: value} : r))));
  return (
    <details class="drawn">
      <summary>Drawn: {regions.length} region{regions.length === 1 ? '' : 's'}, {wires.length} wire{wires.length === 1 ? '' : 's'}</summary>
      <ul>
        {regions.map((r, i) => (
          <li key={i}>
            <input aria-label={`Name of region ${i + 1}`} value={r.label ?? ''} onChange={(e) => change(i, 'label', e.currentTarget.value || undefined)} />
            <select aria-label={`Tissue of region ${i + 1}`} value={typeof r.tissue === 'string' ? r.tissue : ''} onChange={(e) => change(i, 'tissue', e.currentTarget.value)}>
              {typeof r.tissue !== 'string' && <option value="">{r.tissue?.name ?? 'of its own'}</option>}
              {tissues.map((t) => <option key={t} value={t}>{t}</option>)}
            </select>
            <span class="size">{r.shape && sizeOf(r.shape)}</span>
            <button type="button" aria-label={`Remove region ${i + 1}`} onClick={() => set(put(scene, 'phantom.regions', regions.filter((_, k) => k !== i)))}>remove</button>
          </li>
        ))}
      </ul>
    </details>
  );
}
