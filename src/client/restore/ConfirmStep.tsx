import { Alert, Flex, Form, Input, theme, Typography } from 'antd';
import { useState } from 'react';
import type { InspectAnswer, PreviousView } from '../../shared/api';
import { useApi } from '../api/useApi';
import { useLoad } from '../hooks/useLoad';
import { useT } from '../i18n';
import { testId } from '../test-ids';
import { Discards } from './Discards';
import { Losses } from './Losses';
import type { RestorePlan } from './useRestorePlan';
import { WhatWillHappen } from './WhatWillHappen';

interface Props {
  plan: RestorePlan;
  inspection: InspectAnswer;
  /** The archive was uploaded: it may be somebody else's. */
  isForeign: boolean;
  typedName: string;
  onType: (name: string) => void;
  /** Enter in the name field. */
  onEnter: () => void;
  onUndoFirst: (state: PreviousView) => void;
  onSaveFirst: (state: PreviousView) => void;
}

/** What is lost, what happens, and the name of the app that confirms it. */
export function ConfirmStep({
  plan,
  inspection,
  isForeign,
  typedName,
  onType,
  onEnter,
  onUndoFirst,
  onSaveFirst,
}: Props) {
  const t = useT();
  const api = useApi();
  const { token } = theme.useToken();
  const { manifest, appName, discards } = inspection;
  const { contents, choices, choose } = plan;
  const [now] = useState(() => Date.now());
  const preview = useLoad(() => api.backups.preview(plan.preview ?? {}), JSON.stringify(plan.preview));
  return (
    <Flex vertical gap={token.marginSM}>
      {discards.length > 0 && (
        <Discards
          discards={discards}
          isAccepted={plan.isDiscardAccepted}
          onAccept={(yes) => choose({ discard: yes ? discards.map(({ id }) => id) : [] })}
          onUndo={onUndoFirst}
          onSave={onSaveFirst}
        />
      )}
      {isForeign && contents.includes('database') && <ForeignArchiveAlert />}
      <Losses
        backupAt={manifest.createdAt}
        ageMs={now - Date.parse(manifest.createdAt)}
        contents={contents}
        preview={preview}
      />
      <WhatWillHappen plan={inspection.plan} contents={contents} filesMode={choices.filesMode} />
      {contents.includes('database') && (
        <Typography.Text type="secondary">
          {t('Users sign in with the passwords of the backup; you may have to sign in again.')}
        </Typography.Text>
      )}
      <Form layout="vertical" component="div">
        <Form.Item
          label={
            <span>
              {t('To confirm, type the name of the app:')} <Typography.Text code>{appName}</Typography.Text>
            </span>
          }
          htmlFor="safekeep-confirm-name"
          style={{ margin: 0 }}
        >
          <Input
            id="safekeep-confirm-name"
            autoFocus
            autoComplete="off"
            spellCheck={false}
            value={typedName}
            onChange={(event) => onType(event.target.value)}
            onPressEnter={onEnter}
            {...testId('confirm-name')}
          />
        </Form.Item>
      </Form>
    </Flex>
  );
}

function ForeignArchiveAlert() {
  const t = useT();
  return (
    <Alert
      type="warning"
      showIcon
      role="note"
      message={t('Restore only archives that you trust.')}
      description={t(
        'The database of an archive can contain functions and triggers, which run in this app afterwards.',
      )}
      {...testId('foreign-archive')}
    />
  );
}
