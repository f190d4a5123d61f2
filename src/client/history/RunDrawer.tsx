import { Button, Descriptions, Drawer, Flex } from 'antd';
import type { RunView } from '../../shared/runs';
import { Elapsed } from '../components/Elapsed';
import { RunPanel } from '../components/RunPanel';
import { TWO_COLUMNS } from '../components/two-columns';
import { formatTime } from '../format';
import { useRunActions } from '../hooks/useRunActions';
import { useT } from '../i18n';
import { runLabel, triggerLabel } from '../labels';
import { useRuns } from '../live/RunsProvider';
import { testId } from '../test-ids';

/** One run with its facts, steps and live log. */
export function RunDrawer({ run, onClose }: { run: RunView; onClose: () => void }) {
  const t = useT();
  const { away } = useRuns();
  const { mayCancel, cancel } = useRunActions();
  return (
    <Drawer
      open
      width={820}
      title={runLabel(run, t)}
      onClose={onClose}
      extra={
        mayCancel(run) && (
          <Button danger onClick={() => cancel(run)} {...testId('cancel', run.id)}>
            {t('Cancel the run')}
          </Button>
        )
      }
      drawerRender={(node) => (
        <div {...testId('run-drawer')} style={{ height: '100%' }}>
          {node}
        </div>
      )}
    >
      <Flex vertical gap="middle">
        <Descriptions
          size="small"
          column={TWO_COLUMNS}
          items={[
            { key: 'started', label: t('Started'), children: formatTime(run.startedAt) },
            { key: 'duration', label: t('Duration'), children: <Elapsed {...run} /> },
            { key: 'by', label: t('Started by'), children: run.startedBy ?? t('System') },
            { key: 'trigger', label: t('Trigger'), children: triggerLabel(run.trigger, t) },
            ...(run.note ? [{ key: 'note', label: t('Note'), span: 'filled' as const, children: run.note }] : []),
          ]}
        />
        <RunPanel run={run} away={away} />
      </Flex>
    </Drawer>
  );
}
