import {useEffect, useRef} from 'preact/hooks';
import uPlot from 'uplot';

/** Curves over one axis: series [{name, values, colour, dash, points, width, gaps}]; `range` of the y axis, else that of the values. */
export function Plot({x, series, xLabel, yLabel, title, range, height = 220}) {
  const place = useRef(null);
  useEffect(() => {
    const dark = matchMedia('(prefers-color-scheme: dark)').matches;
    const ink = dark ? '#ddd' : '#222';
    const lines = dark ? '#444' : '#ddd';
    const figures = (_, splits) => splits.map((v) => (v == null ? '' : String(Number(v.toPrecision(6))))); // uPlot's own would round 0.0005 to 0.001
    const axis = (label) => ({label, values: figures, stroke: ink, grid: {stroke: lines, width: 1}, ticks: {stroke: lines}, labelSize: 22, font: '12px sans-serif', labelFont: '12px sans-serif'});
    const plot = new uPlot(
      {
        width: place.current.clientWidth || 480,
        height,
        title,
        legend: {live: false, show: series.length > 1},
        scales: {x: {time: false}, ...(range ? {y: {range}} : {})},
        axes: [axis(xLabel), axis(yLabel)],
        series: [{label: xLabel}, ...series.map((s) => ({label: s.name, stroke: s.colour, width: s.width ?? 1.5, dash: s.dash, spanGaps: true, points: s.points ? {show: true, size: 7, fill: s.colour} : {show: false}}))],
      },
      [x, ...series.map((s) => s.values)],
      place.current,
    );
    const fit = new ResizeObserver(() => plot.setSize({width: place.current.clientWidth, height}));
    fit.observe(place.current);
    return () => {
      fit.disconnect();
      plot.destroy();
    };
  }, [x, series]);
  return <div class="uplot-place" ref={place} role="img" aria-label={`${title ?? yLabel} over ${xLabel}`} />;
}
