import { Tag, Tooltip } from 'antd';
import type { LiveOrigin } from '../../shared/api';
import { formatMoment } from '../format';
import { useT } from '../i18n';
import { testId } from '../test-ids';

/** Marks the backup that the live data was restored from. */
export function LiveTag({ live: { at, by } }: { live: LiveOrigin }) {
  const t = useT();
  const time = formatMoment(at, t);
  const title = by
    ? t('The live data was restored from this backup on {{time}} by {{who}}.', { time, who: by })
    : t('The live data was restored from this backup on {{time}}.', { time });
  return (
    <Tooltip title={title}>
      <Tag color="processing" bordered={false} tabIndex={0} style={{ marginInlineEnd: 0 }} {...testId('live')}>
        {t('Live data')}
      </Tag>
    </Tooltip>
  );
}
