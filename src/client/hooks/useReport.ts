import { useMemoizedFn } from 'ahooks';
import { App } from 'antd';
import { toFailure } from '../api/failure';
import { useT } from '../i18n';
import { failureText } from '../labels';

/** Reports an error of an action that has no dialog of its own, as a message on top of the page. */
export function useReport(): (error: unknown) => void {
  const t = useT();
  const { message } = App.useApp();
  return useMemoizedFn((error: unknown) => {
    const text = failureText(toFailure(error), t);
    void message.error([text.message, text.hint].filter(Boolean).join(' '));
  });
}
