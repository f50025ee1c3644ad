import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { filterNames } from '../../src/config/filter.ts'
import { TestAuthority } from '../support/certificates.ts'
import { runLimpet } from '../support/limpet.ts'
import { complaintsOfNginx, testWithNginx } from './nginx.ts'

const fixtures = fileURLToPath(new URL('fixtures/', import.meta.url))
const lab = {
  STATIC_BACKEND: '172.17.0.2:80 172.17.0.3:80',
  DYNAMIC_BACKEND: '172.17.0.4:80 172.17.0.5:80',
}

for (const name of ['routes', 'every-key', 'filters', 'tls']) {
  test(`writes ${name}.yaml as ${name}.conf`, async () => {
    const { stdout, stderr } = await exportFixture(name)
    assert.equal(stderr, '')
    await assertGolden(`${name}.conf`, stdout)
  })
}

for (const name of ['routes', 'every-key', 'filters']) {
  testWithNginx(`nginx accepts ${name}.conf`, async (test) => {
    const file = join(await temporaryFolder(test), 'nginx.conf')
    const { stdout } = await exportFixture(name)
    await writeFile(file, stdout.replace(/access_log \S+/, 'access_log /dev/null'))
    assert.equal(complaintsOfNginx(file), '')
  })
}

testWithNginx('nginx accepts tls.conf', async (test) => {
  const folder = await temporaryFolder(test)
  const authority = await TestAuthority.create()
  const { cert, key } = await authority.issue(['example.org'])
  for (const name of ['site', 'limpet']) {
    await writeFile(join(folder, `${name}.pem`), cert)
    await writeFile(join(folder, `${name}.key`), key)
  }
  await writeFile(join(folder, 'ca.pem'), authority.ca)
  await writeFile(join(folder, 'tickets.key'), randomBytes(48))
  const { stdout } = await exportFixture('tls')
  const file = join(folder, 'nginx.conf')
  const here = stdout
    .replaceAll('/etc/ssl/certs/ca-certificates.crt', `${folder}/ca.pem`)
    .replaceAll('/etc/ssl', folder)
  await writeFile(file, here.replace(/access_log \S+/, 'access_log /dev/null'))
  assert.equal(complaintsOfNginx(file), '')
})

test("writes the lab's environment in the lab's layout", async (test) => {
  const folder = await temporaryFolder(test)
  const { stdout, stderr, code } = await runLimpet(['export', 'nginx', '--out', join(folder, 'new')], lab, folder)
  assert.deepEqual({ stdout, stderr, code }, { stdout: '', stderr: '', code: 0 })
  for (const file of ['nginx.conf', 'conf.d/default.conf']) {
    await assertGolden(`lab/${file}`, await readFile(join(folder, 'new', file), 'utf8'))
  }
})

testWithNginx("nginx accepts the lab's layout", async (test) => {
  const folder = await temporaryFolder(test)
  const { code } = await runLimpet(['export', 'nginx', '--out', folder, '--port', '18080'], lab, folder)
  assert.equal(code, 0)
  assert.equal(complaintsOfNginx(join(folder, 'nginx.conf')), '')
})

testWithNginx('nginx accepts a thousand servers and a thousand hosts', async (test) => {
  const folder = await temporaryFolder(test)
  const range = Array.from({ length: 1000 }, (_, index) => index)
  const config = {
    listeners: [{ port: 18080 }],
    routes: [
      ...range.map((n) => ({ host: `${'long-'.repeat(10)}${n}.example.org`, path: `/${n}/*`, upstream: 'many' })),
      ...range.map((n) => ({ path: `/header/${n}`, headers: { [`x-${n}`]: '1' }, upstream: 'many' })).slice(0, 50),
    ],
    upstreams: {
      many: { servers: range.map((n) => ({ name: `server-${n}`, address: `10.${n >> 8}.${n & 255}.1:3000` })) },
    },
  }
  await writeFile(join(folder, 'limpet.yaml'), JSON.stringify(config))
  const { stdout, stderr } = await runLimpet(['export', 'nginx'], {}, folder)
  assert.equal(stderr, '')
  await writeFile(join(folder, 'nginx.conf'), stdout)
  assert.equal(complaintsOfNginx(join(folder, 'nginx.conf')), '')
})

for (const name of ['inexpressible', 'inexpressible-filters']) {
  test(`refuses all that nginx cannot express of ${name}.yaml, by name`, async () => {
    const { stdout, stderr, code } = await exportFixture(name)
    assert.deepEqual({ stdout, code }, { stdout: '', code: 1 })
    await assertGolden(`${name}.txt`, `${stderr}\n`)
  })
}

test('every filter is in one of these two files', async () => {
  const texts = await Promise.all(
    ['filters', 'inexpressible-filters'].map((name) => readFile(join(fixtures, `${name}.yaml`), 'utf8')),
  )
  assert.deepEqual(
    filterNames.filter((name) => !texts.some((text) => new RegExp(`- ${name}\\b`).test(text))),
    [],
  )
})

test('an invalid configuration is reported as by limpet check', async (test) => {
  const folder = await temporaryFolder(test)
  await writeFile(join(folder, 'limpet.yaml'), 'routes: []\n')
  const [exported, checked] = await Promise.all([
    runLimpet(['export', 'nginx'], {}, folder),
    runLimpet(['check'], {}, folder),
  ])
  assert.deepEqual(exported, checked)
})

test('docs/nginx.md describes every key', async () => {
  const root = new URL('../../', import.meta.url)
  const schema = JSON.parse(await readFile(new URL('limpet.schema.json', root), 'utf8'))
  const documentation = await readFile(new URL('docs/nginx.md', root), 'utf8')
  const whole = [...documentation.matchAll(/`([\w.]+)`, with all its keys/g)].map(([, key]) => `${key}.`)
  const isDescribed = (key: string) =>
    documentation.includes(`\`${key}\``) || whole.some((start) => key.startsWith(start))
  const missing = keysOf(schema, schema).filter((key) => !isDescribed(key))
  assert.deepEqual(missing, [])
})

/** The paths of all keys of a schema: `upstreams.servers.weight`. */
function keysOf(schema: Schema, root: Schema, parent = ''): string[] {
  const definition = schema.$ref?.split('/').at(-1)
  if (definition !== undefined) return keysOf(root.$defs![definition]!, root, parent)
  const inner = [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])]
  if (schema.items) inner.push(schema.items)
  // The names of upstreams and headers are the operator's.
  if (typeof schema.additionalProperties === 'object') inner.push(schema.additionalProperties)
  const below = Object.entries(schema.properties ?? {}).flatMap(([key, value]) => {
    const path = parent === '' ? key : `${parent}.${key}`
    return [path, ...keysOf(value, root, path)]
  })
  return [...new Set([...below, ...inner.flatMap((each) => keysOf(each, root, parent))])]
}

interface Schema {
  readonly $ref?: string
  readonly $defs?: Record<string, Schema>
  readonly properties?: Record<string, Schema>
  readonly additionalProperties?: Schema | boolean
  readonly items?: Schema
  readonly anyOf?: Schema[]
  readonly oneOf?: Schema[]
  readonly allOf?: Schema[]
}

function exportFixture(name: string) {
  return runLimpet(['export', 'nginx', '-c', `${name}.yaml`], {}, fixtures)
}

/** Compares with a fixture without the first line, which has a path of this machine. UPDATE_GOLDEN=1 rewrites the fixture. */
async function assertGolden(name: string, text: string): Promise<void> {
  const file = join(fixtures, name)
  const rest = text.replace(/^# Written by .*\n/, '').trimEnd()
  if (process.env.UPDATE_GOLDEN) await writeFile(file, `${rest}\n`)
  assert.equal(`${rest}\n`, await readFile(file, 'utf8'))
}

async function temporaryFolder(test: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'limpet-export-'))
  test.after(() => rm(folder, { recursive: true }))
  return folder
}
