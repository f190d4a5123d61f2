import { theme } from 'antd';
import dayjs from 'dayjs';
import { useLayoutEffect, useRef } from 'react';
import { useRunLog, type LogLines } from '../hooks/useRunLog';
import { useT } from '../i18n';
import { stepLabel } from '../labels';
import { testId } from '../test-ids';
import { FailureAlert } from './FailureAlert';

interface Props {
  runId: string;
  live: boolean;
  height?: number;
}

/** The log of a run; stays at its end while lines arrive, unless the reader has scrolled up. */
export function RunLog({ runId, live, height = 260 }: Props) {
  const t = useT();
  const { token } = theme.useToken();
  const { lines, failure } = useRunLog(runId, live);
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  useLayoutEffect(() => {
    if (box.current && atEnd.current) box.current.scrollTop = box.current.scrollHeight;
  }, [lines]);
  if (failure && lines.length === 0) return <FailureAlert failure={failure} />;
  return (
    <div
      ref={box}
      role="log"
      tabIndex={0}
      aria-label={t('Run log')}
      onScroll={({ currentTarget: { scrollTop, clientHeight, scrollHeight } }) => {
        atEnd.current = scrollTop + clientHeight >= scrollHeight - 8;
      }}
      style={{
        height,
        overflow: 'auto',
        padding: token.paddingXS,
        background: token.colorFillQuaternary,
        border: `${token.lineWidth}px solid ${token.colorBorderSecondary}`,
        borderRadius: token.borderRadius,
        fontFamily: token.fontFamilyCode,
        fontSize: token.fontSizeSM,
        lineHeight: 1.7,
      }}
      {...testId('run-log')}
    >
      {lines.map((line, index) => (
        <LogRow key={index} line={line} />
      ))}
      {lines.length === 0 && <span style={{ color: token.colorTextTertiary }}>{t('The run log is empty.')}</span>}
    </div>
  );
}

function LogRow({ line }: { line: LogLines[number] }) {
  const t = useT();
  const { token } = theme.useToken();
  const colors = { info: token.colorText, warn: token.colorWarningText, error: token.colorErrorText };
  return (
    <div style={{ color: colors[line.level], overflowWrap: 'anywhere' }} data-level={line.level}>
      <span style={{ color: token.colorTextTertiary }}>{dayjs(line.at).format('HH:mm:ss')}</span>{' '}
      {line.step && <span style={{ color: token.colorTextSecondary }}>[{stepLabel(line.step, t)}] </span>}
      {line.message}
    </div>
  );
}
