// Maps drawn to scale, with axes in mm, and the tools that work on them.
import {useEffect, useRef, useState} from 'preact/hooks';
import {bytes} from './api.js';

const colours = ['#d55e00', '#56b4e9', '#009e73', '#f0e442', '#0072b2', '#cc79a7', '#e69f00', '#999999'];
export const labelColour = (i) => colours[i % colours.length];

/** Blue - white - red for waves, grey for levels, a warm scale for pressure. */
function palette(kind) {
  const table = new Uint8ClampedArray(256 * 3);
  for (let i = 0; i < 256; i++) {
    const t = i / 255;
    let rgb = [i, i, i];
    if (kind === 'wave') rgb = t < 0.5 ? [510 * t, 510 * t, 255] : [255, 510 * (1 - t), 510 * (1 - t)];
    // Towards the probe red, away blue, brighter where faster: as on scanners.
    if (kind === 'flow') rgb = t < 0.5 ? [0, 255 * Math.max(0, 1 - 4 * t), 120 + 270 * (0.5 - t)] : [120 + 270 * (t - 0.5), 255 * Math.max(0, 4 * t - 3), 0];
    if (kind === 'warm') rgb = [Math.min(255, 765 * t), Math.min(255, Math.max(0, 765 * t - 255)), Math.max(0, 765 * t - 510)];
    table.set(rgb, 3 * i);
  }
  return table;
}
const palettes = {flow: palette('flow'), grey: palette('grey'), wave: palette('wave'), warm: palette('warm')};

/** Ticks at 1, 2 or 5 times a power of ten. */
function ticks(from, to, most) {
  const rough = (to - from) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((k) => k * power).find((s) => s >= rough);
  const list = [];
  for (let v = Math.ceil(from / step - 1e-9) * step; v <= to + step * 1e-6; v += step) list.push(+v.toFixed(6));
  return list;
}

/**
 * map: {x: {from, step, count}, z: ..., values: base64 or bytes}, lengths in m unless `unit` (shown over held) says otherwise;
 * marks: [{x, z, text, to}] in the same.
 */
export function Picture({map, colours: kind = 'grey', colour, flip = false, overlay, marks = [], title, onPoint, onDrag, dragShape, xLabel = 'Lateral [mm]', zLabel = 'Depth [mm]', unit = 1e3, low, high, square = true, describe}) {
  const canvas = useRef(null);
  const [drag, setDrag] = useState(null);
  const wide = (map.x.count - 1) * map.x.step;
  const deep = (map.z.count - 1) * map.z.step;
  useEffect(() => {
    const context = canvas.current.getContext('2d');
    const data = context.createImageData(map.x.count, map.z.count);
    const values = typeof map.values === 'string' ? bytes(map.values) : map.values;
    const table = palettes[kind === 'flow' ? 'grey' : kind];
    const flow = colour ? bytes(colour) : null;
    const flowTable = palettes.flow;
    const classes = overlay && overlay.on ? bytes(overlay.values) : null;
    for (let i = 0; i < values.length; i++) {
      let [r, g, b] = [table[3 * values[i]], table[3 * values[i] + 1], table[3 * values[i] + 2]];
      if (flow && flow[i]) [r, g, b] = [flowTable[3 * flow[i]], flowTable[3 * flow[i] + 1], flowTable[3 * flow[i] + 2]];
      if (classes && classes[i]) {
        const c = labelColour(classes[i] - 1);
        const tint = [1, 3, 5].map((k) => parseInt(c.slice(k, k + 2), 16));
        const inside = classes[i - 1] === classes[i] && classes[i + 1] === classes[i] && classes[i - map.x.count] === classes[i] && classes[i + map.x.count] === classes[i];
        const much = inside ? 0.25 : 0.9;
        [r, g, b] = [r, g, b].map((v, k) => v * (1 - much) + tint[k] * much);
      }
      data.data.set([r, g, b, 255], 4 * i);
    }
    context.putImageData(data, 0, 0);
  }, [map, overlay, kind, colour]);

  const place = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    return {x: map.x.from + ((event.clientX - box.left) / box.width) * wide, z: map.z.from + ((event.clientY - box.top) / box.height) * deep};
  };
  const left = (x) => `${(100 * (x - map.x.from)) / wide}%`;
  const top = (z) => `${flip ? 100 - (100 * (z - map.z.from)) / deep : (100 * (z - map.z.from)) / deep}%`;
  const down = (e) => {
    e.currentTarget.setPointerCapture?.(e.pointerId);
    const p = place(e);
    setDrag({from: p, to: p});
  };
  const up = (e) => {
    if (!drag) return;
    const to = place(e);
    setDrag(null);
    if (onDrag && Math.hypot(to.x - drag.from.x, to.z - drag.from.z) > wide / 100) onDrag(drag.from, to);
    else onPoint?.(to);
  };
  const key = (e) => {
    // The keyboard's way to a point: Enter takes the middle of the picture.
    if (e.key === 'Enter' && onPoint) onPoint({x: map.x.from + wide / 2, z: map.z.from + deep / 2});
  };
  const shape = drag && dragShape && {left: Math.min(drag.from.x, drag.to.x), top: Math.min(drag.from.z, drag.to.z), wide: Math.abs(drag.to.x - drag.from.x), deep: Math.abs(drag.to.z - drag.from.z)};
  return (
    <figure class="picture">
      {title && <figcaption>{title}</figcaption>}
      <div class="frame">
        <div class="ztitle">{zLabel}</div>
        <div class="zaxis">{ticks(map.z.from * unit, (map.z.from + deep) * unit, 8).map((v) => <span style={{top: top(v / unit)}} key={v}>{v}</span>)}</div>
        <div class="plot" style={square ? {aspectRatio: `${wide} / ${deep}`} : {aspectRatio: '1.4'}} role="img" tabIndex={onPoint ? 0 : undefined}
          aria-label={describe ?? title} onPointerDown={down} onPointerMove={(e) => drag && setDrag({...drag, to: place(e)})} onPointerUp={up} onKeyDown={key}>
          <canvas ref={canvas} width={map.x.count} height={map.z.count} />
          {shape && <div class={`draft ${dragShape}`} style={{left: left(shape.left), top: top(shape.top), width: `${(100 * shape.wide) / wide}%`, height: `${(100 * shape.deep) / deep}%`}} />}
          <svg class="marks" viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
            {marks.filter((m) => m.to).map((m, i) => <line key={i} x1={(100 * (m.x - map.x.from)) / wide} y1={(100 * (m.z - map.z.from)) / deep} x2={(100 * (m.to.x - map.x.from)) / wide} y2={(100 * (m.to.z - map.z.from)) / deep} vector-effect="non-scaling-stroke" />)}
          </svg>
          {marks.map((m, i) => <span class="mark" key={i} style={{left: left(m.x), top: top(m.z)}}>{m.text}</span>)}
        </div>
        <div class="xaxis">{ticks(map.x.from * unit, (map.x.from + wide) * unit, 6).map((v) => <span style={{left: left(v / unit)}} key={v}>{v}</span>)}</div>
        <div class="xtitle">{xLabel}</div>
      </div>
      {low !== undefined && <div class={`scale ${kind}`}><span>{low}</span><i /><span>{high}</span></div>}
    </figure>
  );
}
