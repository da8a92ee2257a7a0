// Lessons: predict, then observe, then explain. The questions' numbers are the student's own, by a seed.
import {useEffect, useMemo, useState} from 'preact/hooks';
import uPlot from 'uplot';
import {compute, grade, lesson as load} from './api.js';
import {read} from './scene.js';
import {Plot} from './plot.jsx';

/** The few marks of Markdown that lessons use. */
function Markdown({source}) {
  const spans = (line) => line.split(/(\*\*[^*]+\*\*|`[^`]+`)/).map((part, i) => (part.startsWith('**') ? <strong key={i}>{part.slice(2, -2)}</strong> : part.startsWith('`') ? <code key={i}>{part.slice(1, -1)}</code> : part));
  return source.split(/\n\s*\n/).map((block, i) => {
    if (block.startsWith('## ')) return <h4 key={i}>{block.slice(3)}</h4>;
    if (block.startsWith('    ')) return <pre key={i}>{block.replace(/^ {4}/gm, '')}</pre>;
    if (block.startsWith('- ')) return <ul key={i}>{block.split(/\n(?=- )/).map((item, k) => <li key={k}>{spans(item.slice(2).replace(/\n/g, ' '))}</li>)}</ul>;
    return <p key={i}>{spans(block.replace(/\n/g, ' '))}</p>;
  });
}

/** The closed form, the same measured on the engines, and what is left between them. */
function Comparison({name, seed, curve}) {
  const [measured, setMeasured] = useState(null);
  const [error, setError] = useState('');
  useEffect(() => {
    compute('lesson', {view: 'lesson', lesson: name, seed}).then(setMeasured).catch((e) => !e.replaced && setError(e.message));
  }, []);
  const [x, series] = useMemo(() => {
    const theory = measured?.line ?? curve.theory;
    if (!measured) return [curve.x, [{name: 'theory', values: theory, colour: '#d0463b'}]];
    const [all, line, points] = uPlot.join([[curve.x, theory], [measured.x, measured.simulation]]);
    return [all, [{name: 'theory', values: line, colour: '#d0463b'}, {name: 'simulation', values: points, colour: '#2878c8', points: true, width: 0}]];
  }, [measured]);
  const residual = useMemo(() => measured && [{name: 'simulation - theory', values: measured.residual, colour: '#2878c8', points: true, width: 1}], [measured]);
  const most = measured && Math.max(...measured.residual.map(Math.abs));
  return (
    <section class="comparison" aria-label="Theory and simulation">
      <Plot x={x} series={series} xLabel={curve.x_label} yLabel={curve.y_label} title={curve.title} />
      {measured && <Plot x={measured.x} series={residual} xLabel={curve.x_label} yLabel="Residual" title={`Residual: simulation minus theory, ${curve.y_label}`} height={160} />}
      <p class="status" role="status">{error || (measured ? `Measured on the engines: ${measured.how}. Largest difference ${most.toPrecision(2)} (${curve.y_label}).` : 'Measuring the same on the engines ...')}</p>
    </section>
  );
}

function Lesson({name, seed, onScene}) {
  const [lesson, setLesson] = useState(null);
  const [answers, setAnswers] = useState({});
  const [graded, setGraded] = useState(null);
  const [error, setError] = useState('');
  useEffect(() => {
    setGraded(null);
    setAnswers({});
    load(name, seed).then((l) => { setLesson(l); setError(''); }).catch((e) => setError(e.message));
  }, [name, seed]);
  const hand = async (e) => {
    e.preventDefault();
    try {
      setGraded(await grade({lesson: name, seed, answers}));
      setError('');
    } catch (problem) {
      setError(problem.message);
    }
  };
  if (error && !lesson) return <p class="error" role="alert">{error}</p>;
  if (!lesson) return <p>Loading ...</p>;
  return (
    <article>
      <h3>{lesson.title}</h3>
      <Markdown source={lesson.predict} />
      <form onSubmit={hand} class="tasks">
        {lesson.tasks.map((t) => {
          const mark = graded?.tasks.find((g) => g.id === t.id);
          return (
            <div class="task" key={t.id}>
              <label for={`t-${t.id}`}>{t.ask}</label>
              <input id={`t-${t.id}`} value={answers[t.id] ?? ''} placeholder={t.example} onInput={(e) => setAnswers({...answers, [t.id]: e.currentTarget.value})} />
              {mark && <span class={mark.right ? 'right' : 'wrong'} role="status">{mark.right ? 'right' : mark.problem ?? `not within ${(100 * mark.tolerance).toFixed(0)} %`}</span>}
            </div>
          );
        })}
        <button type="submit">Check my predictions</button>
        {error && <p class="error" role="alert">{error}</p>}
      </form>
      <button type="button" onClick={() => onScene(read(lesson.config))}>Load this lesson's scene</button>
      <Markdown source={lesson.observe} />
      {graded && <Markdown source={lesson.explain} />}
      {graded && lesson.curve && <Comparison key={`${name} ${seed}`} name={name} seed={seed} curve={lesson.curve} />}
    </article>
  );
}

export function Lessons({lessons, onScene}) {
  const [name, setName] = useState('');
  const [seed, setSeed] = useState(1);
  if (lessons.length === 0) return null;
  return (
    <section class="lessons" aria-label="Lessons">
      <h2>Lessons</h2>
      <p>Predict, then observe, then explain. Your number <input class="seed" type="number" min="1" max="999999" value={seed} aria-label="Your number" onInput={(e) => setSeed(Math.max(1, parseInt(e.currentTarget.value, 10) || 1))} /> draws the questions' values.</p>
      <ol class="list">
        {lessons.map((l) => <li key={l.name}><button type="button" aria-pressed={name === l.name} onClick={() => setName(l.name)}>{l.title}</button></li>)}
      </ol>
      {name && <Lesson name={name} seed={seed} onScene={onScene} />}
    </section>
  );
}
