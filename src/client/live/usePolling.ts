import { useMemoizedFn } from 'ahooks';
import { useEffect } from 'react';

/**
 * Calls `ask` again and again; it resolves with the pause before the next call, in ms. Rests while the tab is hidden
 * and asks at once when it is seen again. `key` starts over at once whenever it changes; null rests.
 */
export function usePolling(ask: () => Promise<number>, key: string | number | null): void {
  const stableAsk = useMemoizedFn(ask);
  useEffect(() => {
    if (key === null) return undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let asking = false;
    let stopped = false;
    const loop = async () => {
      if (stopped || asking || document.visibilityState === 'hidden') return;
      clearTimeout(timer);
      asking = true;
      const pause = await stableAsk();
      asking = false;
      if (!stopped) timer = setTimeout(() => void loop(), pause);
    };
    const onVisibility = () => void loop();
    document.addEventListener('visibilitychange', onVisibility);
    window.addEventListener('online', onVisibility);
    void loop();
    return () => {
      stopped = true;
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', onVisibility);
      window.removeEventListener('online', onVisibility);
    };
  }, [key, stableAsk]);
}
