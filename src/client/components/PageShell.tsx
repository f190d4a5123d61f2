import { App, Card, Typography } from 'antd';
import { useEffect, type ReactNode } from 'react';
import type { RunView } from '../../shared/runs';
import { useHost } from '../host';
import { useT } from '../i18n';
import { runLabel } from '../labels';
import { RunsProvider, useRuns } from '../live/RunsProvider';
import { WatchedRunDialog } from '../live/WatchedRunDialog';
import { LiveBanner } from '../previous/LiveBanner';
import { PreviousProvider } from '../previous/PreviousProvider';
import { testId } from '../test-ids';
import { hasError, sourceText } from './RunResult';

interface Props {
  /** Part of the page's test id. */
  name: string;
  children: ReactNode;
}

/** What every tab has: live runs, where the live data came from, the dialog of a watched restore, a note when a run ends. */
export function PageShell({ name, children }: Props) {
  const host = useHost();
  if (!host.can('see')) return null;
  return (
    <RunsProvider>
      <PreviousProvider>
        <Card variant="borderless" {...testId(name)}>
          <LiveBanner />
          {children}
        </Card>
        <WatchedRunDialog />
        <FinishedNotes />
      </PreviousProvider>
    </RunsProvider>
  );
}

/** Notes that a run which was seen in progress has ended; the watched one has its own dialog. */
function FinishedNotes() {
  const t = useT();
  const { notification } = App.useApp();
  const { onFinished, watched, isQuiet } = useRuns();
  const watchedId = watched?.runId;
  useEffect(
    () =>
      onFinished((run: RunView) => {
        if (run.id === watchedId || isQuiet(run.id)) return;
        const kind = runLabel(run, t);
        const error = hasError(run) ? run.error : null;
        const lines = [sourceText(run, t), run.note, error?.message, error?.hint].filter(Boolean);
        const description = lines.map((line) => (
          <Typography.Paragraph key={line} ellipsis={{ rows: 2 }} style={{ margin: 0, overflowWrap: 'anywhere' }}>
            {line}
          </Typography.Paragraph>
        ));
        const options = { description, placement: 'bottomRight' as const };
        if (run.status === 'succeeded') {
          notification.success({ ...options, message: t('{{kind}}: succeeded', { kind }), role: 'status' });
        } else if (run.status === 'succeeded with warnings') {
          notification.warning({
            ...options,
            message: t('{{kind}}: succeeded with warnings', { kind }),
            role: 'status',
          });
        } else if (run.status === 'cancelled') {
          notification.info({ ...options, message: t('{{kind}}: cancelled', { kind }), role: 'status' });
        } else {
          notification.error({ ...options, message: t('{{kind}}: failed', { kind }), role: 'alert' });
        }
      }),
    [onFinished, watchedId, isQuiet, notification, t],
  );
  return null;
}
