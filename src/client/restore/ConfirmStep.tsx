import { Alert, Flex, Form, Input, Typography } from 'antd';
import type { InspectAnswer } from '../../shared/api';
import { formatTime } from '../format';
import { useT } from '../i18n';
import { testId } from '../test-ids';
import type { RestoreChoices } from './useRestorePlan';
import { WhatWillHappen } from './WhatWillHappen';

interface Props {
  inspection: InspectAnswer;
  choices: RestoreChoices;
  typedName: string;
  onType: (name: string) => void;
  /** Enter in the name field. */
  onEnter: () => void;
}

/** What will happen, and the name that says "yes, this app". */
export function ConfirmStep({ inspection, choices, typedName, onType, onEnter }: Props) {
  const t = useT();
  const { manifest, plan, appName } = inspection;
  const contents = choices.contents ?? manifest.contents;
  return (
    <Flex vertical gap="middle">
      <Alert
        type="warning"
        showIcon
        role="note"
        message={t('This overwrites the app {{app}} with its state of {{time}}.', {
          app: appName,
          time: formatTime(manifest.createdAt),
        })}
        description={
          contents.includes('database')
            ? t('Users sign in with the passwords of the backup; you may have to sign in again.')
            : undefined
        }
      />
      <WhatWillHappen plan={plan} contents={contents} filesMode={choices.filesMode} />
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
