import { PlusOutlined, ReloadOutlined, UploadOutlined } from '@ant-design/icons';
import { Button, Flex, Input, Select, Space, theme } from 'antd';
import { useEffect, useState } from 'react';
import { FINAL_STATUSES, type RunStatus } from '../../shared/runs';
import { GuardedButton } from '../components/GuardedButton';
import type { Backups } from '../hooks/useBackups';
import { useHost } from '../host';
import { useT } from '../i18n';
import { statusLabel } from '../labels';
import { useRuns } from '../live/RunsProvider';
import { busyRefusal } from '../refusals';
import { testId } from '../test-ids';

interface Props {
  backups: Backups;
  onCreate: () => void;
  onRestoreFile: () => void;
}

const STATUSES: readonly RunStatus[] = ['running', ...FINAL_STATUSES];
const TYPING_MS = 300;

export function BackupsToolbar({ backups, onCreate, onRestoreFile }: Props) {
  const t = useT();
  const host = useHost();
  const { token } = theme.useToken();
  const { active } = useRuns();
  return (
    <Flex wrap justify="space-between" gap={token.marginSM} style={{ marginBottom: token.margin }} role="toolbar">
      <Space wrap>
        <SearchInput onSearch={(search) => backups.ask({ search })} />
        <Select<RunStatus>
          allowClear
          aria-label={t('Filter by status')}
          placeholder={t('All statuses')}
          popupMatchSelectWidth={false}
          style={{ minWidth: 150 }}
          value={backups.query.statuses?.[0]}
          options={STATUSES.map((status) => ({ value: status, label: statusLabel(status, t) }))}
          onChange={(status?: RunStatus) => backups.ask({ statuses: status ? [status] : undefined })}
          {...testId('status-filter')}
        />
      </Space>
      <Space wrap>
        <Button icon={<ReloadOutlined />} onClick={backups.reload} {...testId('refresh')}>
          {t('Refresh')}
        </Button>
        {host.can('restore') && (
          <GuardedButton
            reason={busyRefusal(active, t)}
            icon={<UploadOutlined />}
            onClick={onRestoreFile}
            {...testId('restore-file')}
          >
            {t('Restore from local file')}
          </GuardedButton>
        )}
        {host.can('create') && (
          <GuardedButton
            reason={busyRefusal(active, t)}
            type="primary"
            icon={<PlusOutlined />}
            onClick={onCreate}
            {...testId('new-backup')}
          >
            {t('New backup')}
          </GuardedButton>
        )}
      </Space>
    </Flex>
  );
}

/** Searches when typing pauses, at once on Enter and on clearing. */
function SearchInput({ onSearch }: { onSearch: (text: string) => void }) {
  const t = useT();
  const [text, setText] = useState<string | null>(null);
  useEffect(() => {
    if (text === null) return undefined;
    const timer = setTimeout(() => onSearch(text.trim()), TYPING_MS);
    return () => clearTimeout(timer);
    // Only what was typed starts the wait, not a new function of the parent.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [text]);
  return (
    <Input.Search
      allowClear
      aria-label={t('Search notes and file names')}
      placeholder={t('Search notes and file names')}
      style={{ width: 290 }}
      onChange={(event) => setText(event.target.value)}
      onSearch={(value) => onSearch(value.trim())}
      {...testId('search')}
    />
  );
}
