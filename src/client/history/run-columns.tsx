import { Button, Flex, Grid, theme, Typography } from 'antd';
import type { RunView } from '../../shared/runs';
import { CancelButton } from '../components/CancelButton';
import { Elapsed } from '../components/Elapsed';
import { actionsWidth, type FittingColumn } from '../components/fit-columns';
import { RunProgress } from '../components/RunProgress';
import { hasError, sourceText } from '../components/RunResult';
import { ContentTags, StatusTag } from '../components/tags';
import { TextButton } from '../components/TextButton';
import { formatMoment } from '../format';
import { useT } from '../i18n';
import { runLabel, starterLabel, undoLabel, undoSentence } from '../labels';
import { isFinal } from '../live/live-runs';
import { useUndo } from '../previous/useUndo';
import { testId } from '../test-ids';

export const SOURCE_MIN_WIDTH = 210;

export function useRunColumns(onOpen: (id: string) => void): FittingColumn<RunView>[] {
  const t = useT();
  const { xl } = Grid.useBreakpoint();
  return [
    {
      title: t('Run'),
      dataIndex: 'kind',
      width: 132,
      render: (_, run) => (
        <TextButton onPress={() => onOpen(run.id)} {...testId('run', run.id)}>
          {runLabel(run, t)}
        </TextButton>
      ),
    },
    { title: t('Backup'), dataIndex: 'backupName', render: (_, run) => <SourceCell run={run} /> },
    {
      title: t('Started'),
      dataIndex: 'startedAt',
      width: 168,
      render: (_, run) => <StartedCell run={run} />,
    },
    {
      title: t('Started by'),
      dataIndex: 'startedBy',
      width: 128,
      dropOrder: 1,
      ellipsis: true,
      render: (_, run) => starterLabel(run, t),
    },
    { title: t('Result'), dataIndex: 'status', width: 190, render: (_, run) => <ResultCell run={run} /> },
    {
      title: t('Actions'),
      key: 'actions',
      width: actionsWidth(186),
      fixed: xl ? 'right' : undefined,
      render: (_, run) => <RunRowActions run={run} onOpen={onOpen} />,
    },
  ];
}

/** Which backup or file, and what of it. */
function SourceCell({ run }: { run: RunView }) {
  const t = useT();
  // The heading already names it a backup.
  const source = run.backupAt && !run.uploadId ? formatMoment(run.backupAt, t) : sourceText(run, t);
  return (
    <div style={{ minWidth: 0 }} {...testId('run-source', run.id)}>
      <Typography.Text ellipsis={{ tooltip: true }} style={{ display: 'block' }}>
        {[source, run.note].filter(Boolean).join(' · ') || '–'}
      </Typography.Text>
      <ContentTags contents={run.contents} />
    </div>
  );
}

function StartedCell({ run }: { run: RunView }) {
  const t = useT();
  const { token } = theme.useToken();
  return (
    <>
      <div style={{ fontVariantNumeric: 'tabular-nums', whiteSpace: 'nowrap' }}>{formatMoment(run.startedAt, t)}</div>
      <Typography.Text type="secondary" style={{ fontSize: token.fontSizeSM }}>
        <Elapsed startedAt={run.startedAt} finishedAt={run.finishedAt} />
      </Typography.Text>
    </>
  );
}

function ResultCell({ run }: { run: RunView }) {
  const t = useT();
  const { token } = theme.useToken();
  const small = { fontSize: token.fontSizeSM, display: 'block' };
  return (
    <div {...testId('run-status', run.id)} data-status={run.status}>
      {isFinal(run) ? <StatusTag status={run.status} /> : <RunProgress run={run} size="small" />}
      {run.error && hasError(run) ? (
        <Typography.Text
          type="danger"
          style={small}
          ellipsis={{ tooltip: [run.error.message, run.error.hint].filter(Boolean).join(' ') }}
        >
          {run.error.message}
        </Typography.Text>
      ) : (
        run.warnings > 0 && (
          <Typography.Text type="warning" style={small}>
            {t('Warnings: {{count}}', { count: run.warnings })}
          </Typography.Text>
        )
      )}
    </div>
  );
}

function RunRowActions({ run, onOpen }: { run: RunView; onOpen: (id: string) => void }) {
  const t = useT();
  const { token } = theme.useToken();
  const { mayUndo, undoRun } = useUndo();
  return (
    <>
      <Flex gap={0}>
        <Button type="link" size="small" onClick={() => onOpen(run.id)} {...testId('run-open', run.id)}>
          {t('Run log')}
        </Button>
        {mayUndo(run) && (
          <Button type="link" size="small" onClick={() => void undoRun(run)} {...testId('undo', run.id)}>
            {undoLabel(run, t)}
          </Button>
        )}
        <CancelButton run={run} type="link" size="small" />
      </Flex>
      {run.undo && (
        <Typography.Text
          type="secondary"
          style={{ display: 'block', fontSize: token.fontSizeSM, paddingInlineStart: 8 }}
          {...testId('undo-state', run.id)}
        >
          {run.undo.state === 'available'
            ? t('until {{time}}', { time: formatMoment(run.undo.until, t) })
            : undoSentence(run, t)}
        </Typography.Text>
      )}
    </>
  );
}
