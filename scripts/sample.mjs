/** Sample data that the first start adds, so that there is something to back up. Each step checks whether it was done. */

const NAME = 'safekeepSampleCustomers';
const TITLE = 'Safekeep sample: customers';

const customers = [
  { name: 'Ada Harbour Ltd.', city: 'Lisbon', balance: 1280.5, since: '2021-03-14' },
  { name: 'Bergström & Söner', city: 'Göteborg', balance: 93.2, since: '2019-11-02' },
  { name: '青山贸易', city: '上海', balance: 20450, since: '2023-06-30' },
  { name: 'مخبز النور', city: 'عمّان', balance: 310.75, since: '2024-01-09' },
  { name: "O'Neill Repairs 🛠", city: 'Galway', balance: 0, since: '2020-02-29' },
];

const text = (name, title) => ({
  name,
  type: 'string',
  interface: 'input',
  uiSchema: { type: 'string', title, 'x-component': 'Input' },
});

const fields = [
  text('name', 'Name'),
  text('city', 'City'),
  {
    name: 'balance',
    type: 'double',
    interface: 'number',
    uiSchema: { type: 'number', title: 'Balance', 'x-component': 'InputNumber', 'x-component-props': { step: '0.01' } },
  },
  {
    name: 'since',
    type: 'dateOnly',
    interface: 'date',
    uiSchema: {
      type: 'string',
      title: 'Customer since',
      'x-component': 'DatePicker',
      'x-component-props': { dateOnly: true },
    },
  },
  {
    name: 'documents',
    type: 'belongsToMany',
    target: 'attachments',
    interface: 'attachment',
    uiSchema: {
      type: 'array',
      title: 'Documents',
      'x-component': 'Upload.Attachment',
      'x-use-component-props': 'useAttachmentFieldProps',
      'x-component-props': { multiple: true },
    },
  },
];

const attachments = [
  { file: 'safekeep-sample-contract.txt', type: 'text/plain', content: 'A contract worth keeping.\n'.repeat(200) },
  {
    file: 'safekeep-sample-badge.svg',
    type: 'image/svg+xml',
    content:
      '<svg xmlns="http://www.w3.org/2000/svg" width="160" height="160"><rect width="160" height="160" rx="24" fill="#1677ff"/><path d="M48 84l24 24 44-52" stroke="#fff" stroke-width="16" fill="none"/></svg>',
  },
];

async function upload(api, { file, type, content }) {
  const form = new FormData();
  form.append('file', new Blob([content], { type }), file);
  return api.get('attachments:create', { body: form });
}

/** Enables English and Chinese, unless languages have been chosen already. */
async function enableLanguages(api) {
  const settings = await api.get('systemSettings:get');
  if (settings.enabledLanguages.length > 1) return;
  const enabledLanguages = [...new Set([...settings.enabledLanguages, 'en-US', 'zh-CN'])];
  await api.get('systemSettings:put', { body: { ...settings, enabledLanguages } });
}

async function addCollection(api) {
  const found = await api.call(`collections:get?filterByTk=${NAME}`);
  if (found.body?.data) return;
  await api.get('collections:create', {
    body: { name: NAME, title: TITLE, template: 'general', autoGenId: true, sortable: false, fields },
  });
}

async function addRows(api) {
  const { meta } = (await api.call(`${NAME}:list?pageSize=1`)).body;
  if (meta.count > 0) return;
  const documents = [];
  for (const attachment of attachments) documents.push(await upload(api, attachment));
  for (const [index, customer] of customers.entries()) {
    const values = index < documents.length ? { ...customer, documents: [documents[index]] } : customer;
    await api.get(`${NAME}:create`, { body: values });
  }
}

/** A page with a table, in both clients. */
async function addPage(api) {
  const filter = encodeURIComponent(JSON.stringify({ title: TITLE }));
  const found = await api.get(`desktopRoutes:list?filter=${filter}`);
  if (found.length > 0) return;
  const table = { type: 'table', collection: NAME, fields: fields.map(({ name }) => name) };
  await api.get('flowSurfaces:applyBlueprint', {
    body: {
      version: '1',
      mode: 'create',
      navigation: { item: { title: TITLE, icon: 'TeamOutlined' } },
      page: { title: TITLE },
      tabs: [{ title: 'Customers', blocks: [table] }],
    },
  });
}

/**
 * Prepares a new app.
 * @param {import('./host-api.mjs').HostApi} api signed in
 * @param {{ sample: boolean }} options
 */
export async function prepareNewApp(api, { sample }) {
  await enableLanguages(api);
  if (!sample) return;
  await addCollection(api);
  await addRows(api);
  await addPage(api);
}
