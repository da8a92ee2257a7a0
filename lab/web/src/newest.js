import {useCallback, useRef, useState} from 'preact/hooks';

/**
 * One piece of work at a time; while it runs, only the newest request waits. `work` and `settled` are those of the first
 * render: `settled` gets what the last work gave, once nothing waits any more. What work throws becomes `error`, unless a
 * newer request replaced it.
 */
export function useNewest(work, settled) {
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const wanted = useRef(null);
  const running = useRef(false);
  const ask = useCallback(async (request) => {
    wanted.current = request;
    if (running.current) return;
    running.current = true;
    setBusy(true);
    let last = null;
    while (wanted.current) {
      const now = wanted.current;
      wanted.current = null;
      try {
        last = await work(now);
        setError('');
      } catch (e) {
        if (!e.replaced) setError(e.message);
      }
    }
    running.current = false;
    setBusy(false);
    if (last) settled?.(last);
  }, []);
  return {ask, busy, error, setError};
}
