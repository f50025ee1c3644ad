/** The configuration as a whole where sources find servers: printed, put, planned, and what it differs in from the file. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { adminOf } from '../support/admin.ts'
import { type Limpet, runLimpet, startLimpet } from '../support/limpet.ts'
import { ListFile } from '../support/list-file.ts'
import { httpOrigin } from '../support/origin.ts'
import { StandInEngine } from '../support/stand-in-engine.ts'
import { until } from '../support/until.ts'

const YAML = { accept: 'application/yaml' }

const listeners = [{ address: '127.0.0.1', port: 0 }]

async function addressOf(t: TestContext, answer: string): Promise<string> {
  const { address } = await httpOrigin(t, (_request, response) => response.end(answer))
  return address
}

const answerOf = async ({ url }: Limpet, path = '/') => {
  const response = await fetch(`${url}${path}`)
  return response.ok ? response.text() : String(response.status)
}

/** Runs a command for that Limpet; returns what it prints. */
async function printedBy({ errors }: Limpet, ...args: string[]): Promise<string> {
  const [, socket] = await errors.find(/admin API answers on unix:(\S+)/)
  const { code, stdout, stderr } = await runLimpet([...args, '--socket', socket!])
  assert.equal(code, 0, stderr)
  return stdout
}

test('what labels describe is in effect and not in the printed configuration, which can be put back', async (t) => {
  const engine = await StandInEngine.start(t)
  const [, port] = (await addressOf(t, 'web')).split(':')
  const labels = { 'limpet.enable': 'true', 'limpet.port': port!, 'limpet.host': 'localhost' }
  engine.run({ name: 'web', address: '127.0.0.1', labels })
  const fixed = await addressOf(t, 'fixed')
  const limpet = await startLimpet(t, {
    listeners,
    discovery: { docker: { host: engine.host } },
    routes: [{ path: '/fixed', upstream: 'fixed' }],
    upstreams: { fixed: { servers: [fixed] } },
  })
  const ask = await adminOf(limpet)
  const { status, body } = await ask('GET', '/v1/config', undefined, YAML)
  assert.equal(status, 200, JSON.stringify(body))
  assert.match(body, /upstream: fixed/)
  assert.doesNotMatch(body, /upstream: web|web:|localhost/)
  const put = await ask('PUT', '/v1/config', body)
  assert.equal(put.status, 200, JSON.stringify(put.body))
  assert.deepEqual(put.body.changes, [])
  const ofLabels = await fetch(`http://localhost:${limpet.port}/`)
  assert.equal(await ofLabels.text(), 'web')
  assert.equal(await answerOf(limpet, '/fixed'), 'fixed')

  engine.run({ name: 'other', address: '127.0.0.1', labels: { ...labels, 'limpet.host': 'other.example.org' } })
  await until(async () => (await ask('GET', '/v1/upstreams')).body.upstreams.length === 3)
  const { status: asked, body: past } = await ask('GET', '/v1/applies')
  assert.equal(asked, 200, JSON.stringify(past))
  assert.match(past.applies[0].changes.join(), /upstream other/)
  assert.match(past.applies[0].by, /^docker at /)
})

test('the configuration is printed also where an operator has removed the last server', async (t) => {
  const limpet = await startLimpet(t, {
    listeners,
    routes: [{ path: '/*', upstream: 'app' }],
    upstreams: { app: { servers: [{ name: 'a', address: '127.0.0.1:1' }] } },
  })
  const ask = await adminOf(limpet)
  assert.equal((await ask('DELETE', '/v1/upstreams/app/servers/a?force=true')).status, 200)
  const { status, body } = await ask('GET', '/v1/config', undefined, YAML)
  assert.equal(status, 200, JSON.stringify(body))
  assert.match(body, /servers: \[\]/)
})

test('a configuration that is put in place of the file keeps what its sources have found, and can change them', async (t) => {
  const [a, b] = [await addressOf(t, 'a'), await addressOf(t, 'b')]
  const one = await ListFile.with(t, [{ name: 'a', address: a }])
  const other = await ListFile.with(t, [{ name: 'b', address: b }])
  const limpet = await startLimpet(t, {
    listeners,
    routes: [{ path: '/*', upstream: 'app' }],
    upstreams: { app: { servers: { from: 'file', path: one.path } } },
  })
  const ask = await adminOf(limpet)
  const { body: printed } = await ask('GET', '/v1/config', undefined, YAML)
  assert.match(printed, /from: file/)
  assert.doesNotMatch(printed, /name: a/)
  assert.deepEqual((await ask('PUT', '/v1/config', printed)).body.changes, [])

  const edited = printed.replace(one.path, other.path)
  const planned = await ask('POST', '/v1/plan', edited)
  assert.equal(planned.status, 200, JSON.stringify(planned.body))
  assert.equal(await answerOf(limpet), 'a')
  const put = await ask('PUT', '/v1/config', edited)
  assert.equal(put.status, 200, JSON.stringify(put.body))
  await until(async () => (await answerOf(limpet)) === 'b')
  const { body } = await ask('GET', '/v1/sources')
  assert.deepEqual(
    body.sources.map(({ name }: { name: string }) => name),
    [`file ${other.path}`],
  )

  assert.equal((await ask('POST', '/v1/reset')).status, 200)
  await until(async () => (await answerOf(limpet)) === 'a')
})

test('limpet plan and limpet status speak of found servers by their source', async (t) => {
  const a = await addressOf(t, 'a')
  const list = await ListFile.with(t, [
    { name: 'a', address: a },
    { name: 'b', address: a },
  ])
  const config = {
    listeners,
    routes: [{ path: '/*', upstream: 'app' }],
    upstreams: { app: { servers: [{ from: 'file', path: list.path }] } },
  }
  const limpet = await startLimpet(t, config)
  const planned = join(dirname(limpet.file), 'planned.yaml')
  await writeFile(planned, JSON.stringify(config).replace('"from":"file"', '"weight":3,"from":"file"'))
  assert.match(await printedBy(limpet, 'plan', planned), /upstream app: servers: added .*"from":"file"/)
  await printedBy(limpet, 'weight', 'app/a', '3')
  await printedBy(limpet, 'maintenance', 'app/b')
  const changed = await printedBy(limpet, 'status')
  assert.match(changed, /app\/a: weight 3; its source says 1/)
  assert.match(changed, /app\/b: maintenance; its source says ready/)
  assert.match(changed, / 3 \(file: 1\) /)
  assert.match(await printedBy(limpet, 'config', 'export'), /from: file/)

  await list.write([{ name: 'c', address: a }])
  await limpet.errors.find(/server c added/)
  assert.match(
    await printedBy(limpet, 'status'),
    /app\/b: changed, without effect; neither the file nor a source has it/,
  )
  await printedBy(limpet, 'reset', 'app/b')
  await list.write([{ name: 'b', address: a }])
  await limpet.errors.find(/server b added/)
  assert.doesNotMatch(await printedBy(limpet, 'status'), /app\/b:|maintenance/)
})
