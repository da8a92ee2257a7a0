// Maps drawn to scale, with axes in mm, and the tools that work on them.
import {useLayoutEffect, useRef, useState} from 'preact/hooks';
import {bytes} from './api.js';

const colours = ['#d55e00', '#56b4e9', '#009e73', '#f0e442', '#0072b2', '#cc79a7', '#e69f00', '#999999'];
export const labelColour = (i) => colours[i % colours.length];

/** Colours as one 32-bit word each (red lowest): blue - white - red for waves, grey for levels, a warm scale for pressure. */
function palette(kind) {
  const table = new Uint8ClampedArray(256 * 4);
  for (let i = 0; i < 256; i++) {
    const t = i / 255;
    let rgb = [i, i, i];
    if (kind === 'wave') rgb = t < 0.5 ? [510 * t, 510 * t, 255] : [255, 510 * (1 - t), 510 * (1 - t)];
    // Towards the probe red, away blue, brighter where faster: as on scanners.
    if (kind === 'flow') rgb = t < 0.5 ? [0, 255 * Math.max(0, 1 - 4 * t), 120 + 270 * (0.5 - t)] : [120 + 270 * (t - 0.5), 255 * Math.max(0, 4 * t - 3), 0];
    if (kind === 'warm') rgb = [Math.min(255, 765 * t), Math.min(255, Math.max(0, 765 * t - 255)), Math.max(0, 765 * t - 510)];
    table.set([...rgb, 255], 4 * i);
  }
  return new Uint32Array(table.buffer);
}
const palettes = {flow: palette('flow'), grey: palette('grey'), wave: palette('wave'), warm: palette('warm')};
const tints = colours.map((c) => [1, 3, 5].map((k) => parseInt(c.slice(k, k + 2), 16)));

/** Edges between the pixels of a mask and the rest, as an SVG path in units of pixels. */
export function outline(mask, {count: nx}, {count: nz}) {
  const parts = [];
  const inside = (x, z) => x >= 0 && z >= 0 && x < nx && z < nz && mask[z * nx + x] !== 0;
  for (let z = 0; z <= nz; z++) for (let x = 0; x <= nx; x++) {
    if (inside(x, z) !== inside(x - 1, z)) parts.push(`M${x} ${z}v1`);
    if (inside(x, z) !== inside(x, z - 1)) parts.push(`M${x} ${z}h1`);
  }
  return parts.join('');
}

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
 * marks: [{x, z, text, to}] in the same; outlines: [{path, colour, dash}] of `outline`.
 * onPoint and onDrag: by mouse, finger or keys (arrows move a cursor, Enter takes its place, Space begins and ends a drag).
 */
export function Picture({map, colours: kind = 'grey', colour, flip = false, overlay, outlines = [], marks = [], title, onPoint, onDrag, dragShape, xLabel = 'Lateral [mm]', zLabel = 'Depth [mm]', unit = 1e3, low, high, square = true, describe}) {
  const canvas = useRef(null);
  const [drag, setDrag] = useState(null);
  const [cursor, setCursor] = useState(null);
  const wide = (map.x.count - 1) * map.x.step;
  const deep = (map.z.count - 1) * map.z.step;
  useLayoutEffect(() => {
    const context = canvas.current.getContext('2d');
    const data = context.createImageData(map.x.count, map.z.count);
    const words = new Uint32Array(data.data.buffer);
    const values = typeof map.values === 'string' ? bytes(map.values) : map.values;
    const table = palettes[kind === 'flow' ? 'grey' : kind];
    for (let i = 0; i < words.length; i++) words[i] = table[values[i]];
    if (colour) {
      const flow = bytes(colour);
      for (let i = 0; i < words.length; i++) if (flow[i]) words[i] = palettes.flow[flow[i]];
    }
    if (overlay && overlay.on) {
      const classes = bytes(overlay.values);
      for (let i = 0; i < words.length; i++) {
        if (!classes[i]) continue;
        const inside = classes[i - 1] === classes[i] && classes[i + 1] === classes[i] && classes[i - map.x.count] === classes[i] && classes[i + map.x.count] === classes[i];
        const much = inside ? 0.25 : 0.9;
        const tint = tints[(classes[i] - 1) % tints.length];
        for (let k = 0; k < 3; k++) data.data[4 * i + k] = data.data[4 * i + k] * (1 - much) + tint[k] * much;
      }
    }
    context.putImageData(data, 0, 0);
  }, [map, overlay, kind, colour]);

  const acts = Boolean(onPoint || onDrag);
  const place = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    return {x: map.x.from + ((event.clientX - box.left) / box.width) * wide, z: map.z.from + ((event.clientY - box.top) / box.height) * deep};
  };
  const left = (x) => `${(100 * (x - map.x.from)) / wide}%`;
  const top = (z) => `${flip ? 100 - (100 * (z - map.z.from)) / deep : (100 * (z - map.z.from)) / deep}%`;
  const finish = (from, to) => {
    if (onDrag && Math.hypot(to.x - from.x, to.z - from.z) > wide / 100) onDrag(from, to);
    else onPoint?.(to);
  };
  const down = (e) => {
    e.currentTarget.setPointerCapture?.(e.pointerId);
    setCursor(null);
    const p = place(e);
    setDrag({from: p, to: p});
  };
  const up = (e) => {
    if (!drag) return;
    setDrag(null);
    finish(drag.from, place(e));
  };
  const key = (e) => {
    const at = cursor ?? {x: map.x.from + wide / 2, z: map.z.from + deep / 2};
    const far = e.shiftKey ? 0.1 : 0.01;
    const move = {ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, -far], ArrowDown: [0, far]}[e.key];
    if (move) {
      const next = {x: Math.min(map.x.from + wide, Math.max(map.x.from, at.x + move[0] * wide)), z: Math.min(map.z.from + deep, Math.max(map.z.from, at.z + move[1] * deep))};
      setCursor(next);
      if (drag) setDrag({...drag, to: next});
    } else if (e.key === ' ' && onDrag) {
      setCursor(at);
      if (drag) {
        setDrag(null);
        finish(drag.from, at);
      } else setDrag({from: at, to: at});
    } else if (e.key === 'Enter') {
      setCursor(at);
      onPoint?.(at);
    } else if (e.key === 'Escape') {
      setDrag(null);
      setCursor(null);
    } else return;
    e.preventDefault();
  };
  const shape = drag && dragShape && {left: Math.min(drag.from.x, drag.to.x), top: Math.min(drag.from.z, drag.to.z), wide: Math.abs(drag.to.x - drag.from.x), deep: Math.abs(drag.to.z - drag.from.z)};
  const lines = [...marks.filter((m) => m.to), ...(drag && !dragShape && onDrag ? [{...drag.from, to: drag.to}] : [])];
  return (
    <figure class="picture">
      {title && <figcaption>{title}</figcaption>}
      <div class="frame">
        <div class="ztitle">{zLabel}</div>
        <div class="zaxis">{ticks(map.z.from * unit, (map.z.from + deep) * unit, 8).map((v) => <span style={{top: top(v / unit)}} key={v}>{v}</span>)}</div>
        <div class={`plot${acts ? ' acts' : ''}`} style={square ? {aspectRatio: `${wide} / ${deep}`} : {aspectRatio: '1.4'}} role={acts ? 'application' : 'img'} tabIndex={acts ? 0 : undefined}
          aria-label={`${describe ?? title}${acts ? '. Arrow keys move a cursor, Enter takes its place' : ''}${onDrag ? ', Space begins and ends a drag' : ''}`}
          onPointerDown={acts ? down : undefined} onPointerMove={(e) => drag && !cursor && setDrag({...drag, to: place(e)})} onPointerUp={up} onKeyDown={acts ? key : undefined}>
          <canvas ref={canvas} width={map.x.count} height={map.z.count} />
          {shape && <div class={`draft ${dragShape}`} style={{left: left(shape.left), top: top(shape.top), width: `${(100 * shape.wide) / wide}%`, height: `${(100 * shape.deep) / deep}%`}} />}
          {outlines.length > 0 && (
            <svg class="marks" viewBox={`0 0 ${map.x.count} ${map.z.count}`} preserveAspectRatio="none" aria-hidden="true">
              {outlines.map((o) => <path key={o.colour} d={o.path} fill="none" stroke={o.colour} stroke-width="2" stroke-dasharray={o.dash} vector-effect="non-scaling-stroke" />)}
            </svg>
          )}
          <svg class="marks" viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
            {lines.map((m, i) => <line key={i} x1={(100 * (m.x - map.x.from)) / wide} y1={(100 * (m.z - map.z.from)) / deep} x2={(100 * (m.to.x - map.x.from)) / wide} y2={(100 * (m.to.z - map.z.from)) / deep} vector-effect="non-scaling-stroke" />)}
          </svg>
          {marks.map((m, i) => <span class={`mark${m.x > map.x.from + 0.8 * wide ? ' near-right' : ''}`} key={i} style={{left: left(m.x), top: top(m.z)}}>{m.text}</span>)}
          {cursor && <span class="cursor" style={{left: left(cursor.x), top: top(cursor.z)}} />}
        </div>
        <div class="xaxis">{ticks(map.x.from * unit, (map.x.from + wide) * unit, 6).map((v) => <span style={{left: left(v / unit)}} key={v}>{v}</span>)}</div>
        <div class="xtitle">{xLabel}</div>
      </div>
      {acts && <p class="hidden" role="status">{cursor ? `${(cursor.x * unit).toFixed(1)}, ${(cursor.z * unit).toFixed(1)}` : ''}</p>}
      {low !== undefined && <div class={`scale ${kind}`}><span>{low}</span><i /><span>{high}</span></div>}
    </figure>
  );
}
