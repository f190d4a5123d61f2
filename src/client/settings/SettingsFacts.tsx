import { Descriptions, theme } from 'antd';
import type { Settings } from '../../shared/api';
import { useT } from '../i18n';
import { contentsLabel } from '../labels';
import { testId } from '../test-ids';

/** The settings as they are, for a role that cannot change them. */
export function SettingsFacts({ settings }: { settings: Settings }) {
  const t = useT();
  const { token } = theme.useToken();
  const { maxBackups, defaultContents, undoHours } = settings;
  return (
    <Descriptions
      column={1}
      size="small"
      style={{ marginBottom: token.margin }}
      items={[
        {
          key: 'max',
          label: t('Maximum number of backups'),
          children: maxBackups === 0 ? t('No limit') : maxBackups,
        },
        { key: 'contents', label: t('Contents of a new backup'), children: contentsLabel(defaultContents, t) },
        {
          key: 'undo',
          label: t('Undo window'),
          children: undoHours === 0 ? t('Previous data is not kept') : t('{{hours}} hours', { hours: undoHours }),
        },
      ]}
      {...testId('settings-facts')}
    />
  );
}
