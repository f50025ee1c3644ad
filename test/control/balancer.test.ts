/** Applying another configuration to a running balancer: what changes, and what is refused. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Worker } from 'node:worker_threads'
import { pino } from 'pino'
import type { PortPlace } from '../../src/admin/admin-listener.ts'
import { parseConfig } from '../../src/config/file.ts'
import type { Config } from '../../src/config/schema.ts'
import { Balancer } from '../../src/control/balancer.ts'
import { MAX_SERVERS } from '../../src/runtime/bounds.ts'
import type { PortListener } from '../../src/runtime/snapshot.ts'
import { until } from '../support/until.ts'
import { HeldWorker } from './held-worker.ts'

const CONFIG = `
listeners: [{ address: 127.0.0.1, port: 0 }]
workers: 2
admin: { port: 0 }
stateDirectory: FOLDER
accessLog: { file: FOLDER/access.log }
routes: [{ path: /*, upstream: app }]
upstreams:
  app:
    servers:
      - { name: a, address: "127.0.0.1:1", weight: 3 }
      - { name: b, address: "127.0.0.1:2" }
`

interface Stage {
  readonly balancer: Balancer
  /** The configuration above with some of its text replaced. */
  edited(text: string | RegExp, by: string | ((text: string) => string)): Config
  /** What the admin API says: the generation, and the servers with their weights. */
  state(): Promise<{ generation: number; servers: string }>
  /** Resolves once the access log, or another file, has so many lines, to those. */
  accessLog(count: number, file?: string): Promise<string[]>
  /** Lines of the program's own log. */
  readonly log: string[]
}

/** @param firstThread the first worker's */
async function stage(t: TestContext, firstThread?: Worker): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-balancer-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const config = (text: string) => parseConfig(text.replaceAll('FOLDER', folder), 'limpet.yaml', {})
  const log: string[] = []
  const logger = pino({ base: null }, { write: (line: string) => log.push(JSON.parse(line).msg) })
  const balancer = await Balancer.start({ file: config(CONFIG), log: logger }, firstThread)
  t.after(() => balancer.stop())
  const { address, port } = balancer.adminPlace as PortPlace
  const ask = async (path: string) => (await fetch(`http://${address}:${port}/v1/${path}`)).json()
  return {
    balancer,
    log,
    edited(text, by) {
      const edited = CONFIG.replace(text, by as string)
      assert.notEqual(edited, CONFIG, `${text} is not in the configuration`)
      return config(edited)
    },
    async accessLog(count, file = 'access.log') {
      for (;;) {
        const lines = readFileSync(join(folder, file), 'utf8').split('\n').slice(0, -1)
        if (lines.length >= count) return lines
        await turn()
      }
    },
    async state() {
      const [{ generation }, { upstreams }] = (await Promise.all([ask('status'), ask('upstreams')])) as [
        { generation: number },
        { upstreams: { name: string; servers: { name: string; weight: number }[] }[] },
      ]
      const servers = upstreams.flatMap((upstream) =>
        upstream.servers.map(({ name, weight }) => `${upstream.name} ${name} ${weight}`),
      )
      return { generation, servers: servers.join(', ') }
    },
  }
}

test('the admin API shows a changed configuration once it is applied', async (t) => {
  const { balancer, edited, state } = await stage(t)
  assert.deepEqual(await state(), { generation: 1, servers: 'app a 3, app b 1' })
  await balancer.apply(edited('weight: 3', 'weight: 5'))
  assert.deepEqual(await state(), { generation: 2, servers: 'app a 5, app b 1' })
  await balancer.apply(edited('upstreams:', 'upstreams:\n  api: { servers: [{ name: z, address: "127.0.0.1:3" }] }'))
  assert.deepEqual(await state(), { generation: 3, servers: 'api z 1, app a 3, app b 1' })
})

test('the access log has another format once that is applied', async (t) => {
  const { balancer, edited, accessLog } = await stage(t)
  const { port } = balancer.listeners[0] as PortListener
  const ask = async () => (await fetch(`http://127.0.0.1:${port}/?secret=1`)).arrayBuffer()
  await ask()
  await accessLog(1)
  await balancer.apply(edited('FOLDER/access.log', 'FOLDER/access.log, format: json, redact: [secret]'))
  await ask()
  const [first, second] = await accessLog(2)
  assert.match(first!, /"GET \/\?secret=1 HTTP\/1\.1"/)
  assert.match(second!, /^\{.*secret=/)
  assert.doesNotMatch(second!, /secret=1/)
})

test('the access log goes on in another file, unless that cannot be opened', async (t) => {
  const { balancer, edited, accessLog } = await stage(t)
  const { port } = balancer.listeners[0] as PortListener
  const ask = async () => (await fetch(`http://127.0.0.1:${port}/`)).arrayBuffer()
  await ask()
  await accessLog(1)
  await assert.rejects(
    balancer.apply(
      edited(/workers: 2|access.log/g, (text) => (text === 'workers: 2' ? 'workers: 3' : 'none/access.log')),
    ),
    {
      name: 'ConfigError',
      message: /accessLog.file: cannot open .*: no such file or directory/,
    },
  )
  assert.equal(balancer.workers, 2)
  await balancer.apply(edited('FOLDER/access.log', 'FOLDER/other.log'))
  await ask()
  assert.equal((await accessLog(1, 'other.log')).length, 1)
  assert.equal((await accessLog(1)).length, 1)
})

test('several configurations at once are applied in order, and one that is refused does not stop the others', async (t) => {
  const { balancer, edited, state } = await stage(t)
  const outcomes = await Promise.allSettled([
    balancer.apply(edited('weight: 3', 'weight: 5')),
    balancer.apply(edited('admin: { port: 0 }', 'admin: off')),
    balancer.apply(edited('weight: 3', 'weight: 7')),
    balancer.apply(edited('name: b', 'name: c')),
  ])
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
  )
  assert.deepEqual(await state(), { generation: 4, servers: 'app a 3, app c 1' })
})

test('the next configuration is applied even while a worker has not acknowledged the one before', async (t) => {
  const held = new HeldWorker()
  const { balancer, edited, state } = await stage(t, held.thread)
  const first = balancer.apply(edited('weight: 3', 'weight: 5'))
  await held.gate.arrivals(1)
  const second = balancer.apply(edited('weight: 3', 'weight: 7'))
  await until(async () => (await state()).generation === 3)
  held.gate.allow(2)
  await Promise.all([first, second])
  assert.deepEqual(await state(), { generation: 3, servers: 'app a 7, app b 1' })
})

describe('a setting that only a restart can change is refused by its key, and nothing changes:', () => {
  const refused: Readonly<Record<string, readonly [text: string | RegExp, by: string]>> = {
    instance: ['workers: 2', 'workers: 2\ninstance: other'],
    stateDirectory: ['stateDirectory: FOLDER', 'stateDirectory: FOLDER/other'],
    admin: ['admin: { port: 0 }', 'admin: off'],
  }
  test('each setting', async (t) => {
    const { balancer, edited, state } = await stage(t)
    for (const [key, [text, by]] of Object.entries(refused)) {
      await assert.rejects(balancer.apply(edited(text, by)), {
        name: 'ConfigError',
        message:
          `${key}: cannot change while Limpet is running (restart Limpet, or restore the previous value)\n` +
          '1 problem in the configuration',
      })
    }
    assert.deepEqual(await state(), { generation: 1, servers: 'app a 3, app b 1' })
  })

  test('several of them at once', async (t) => {
    const { balancer, edited } = await stage(t)
    const several = edited('admin: { port: 0 }\nstateDirectory: FOLDER', 'admin: off\nstateDirectory: FOLDER/other')
    await assert.rejects(balancer.apply(several), {
      message: /^stateDirectory: .*\nadmin: .*\n2 problems in the configuration$/,
    })
  })
})

test('a configuration with more new servers than free slots is refused, and nothing changes', async (t) => {
  const { balancer, edited, state } = await stage(t)
  const [{ upstreams }, config] = [edited('name: b', 'name: c'), edited('weight: 3', 'weight: 5')]
  const [app] = upstreams
  const many = Array.from({ length: MAX_SERVERS - 1 }, (_, index) => ({
    ...app!.servers[1]!,
    id: `s${index}`,
    name: `s${index}`,
  }))
  // Two slots are not free before this one is applied.
  await assert.rejects(
    balancer.apply({ ...config, upstreams: [{ ...app!, servers: many }] }),
    /upstreams: expected at most 16382 new servers at present, found 16383: removed ones keep their place/,
  )
  assert.deepEqual(await state(), { generation: 1, servers: 'app a 3, app b 1' })
  await balancer.apply(config)
  assert.deepEqual(await state(), { generation: 2, servers: 'app a 5, app b 1' })
})

test('more servers than there are slots may come and go over time', async (t) => {
  const { balancer, edited, state } = await stage(t)
  const config = edited('weight: 3', 'weight: 5')
  const [app] = config.upstreams
  for (let turn = 0; turn < 5; turn++) {
    const names = Array.from({ length: 5000 }, (_, index) => `${turn}-${index}`)
    const servers = names.map((name) => ({ ...app!.servers[1]!, id: name, name }))
    await balancer.apply({ ...config, upstreams: [{ ...app!, servers: [app!.servers[0]!, ...servers] }] })
  }
  await balancer.apply(config)
  assert.deepEqual(await state(), { generation: 7, servers: 'app a 5, app b 1' })
})

test('a warning is logged when it is new, and not again', async (t) => {
  const { balancer, edited, log } = await stage(t)
  const withCookie = edited('    servers:', '    affinity: cookie\n    servers:')
  const warnings = () => log.filter((line) => line.includes('affinity has no secrets'))
  assert.equal(warnings().length, 0)
  await balancer.apply(withCookie)
  await balancer.apply(withCookie)
  assert.equal(warnings().length, 1, log.join('\n'))
})

test('no configuration is applied once the balancer is stopped', async (t) => {
  const { balancer, edited } = await stage(t)
  const [going] = await Promise.allSettled([balancer.apply(edited('weight: 3', 'weight: 5')), balancer.stop()])
  if (going.status === 'rejected') assert.match(String(going.reason), /Limpet is stopping/)
  await assert.rejects(balancer.apply(edited('weight: 3', 'weight: 7')), /Limpet is stopping/)
})

test('a process whose start fails has nothing left that keeps it alive', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-balancer-'))
  t.after(() => rmSync(folder, { recursive: true }))
  // It holds each request back but the first.
  const server = createServer((request, response) => {
    if (request.headers['if-none-match'] === undefined) response.writeHead(200, { etag: '"1"' }).end('[]')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  const file = join(folder, 'limpet.yaml')
  const config = CONFIG.replaceAll('FOLDER', folder)
    .replace('port: 0 }]', `port: 0, tls: { certificates: [{ cert: ${folder}/none.pem, key: ${folder}/none.key }] } }]`)
    .replace('    servers:', `    servers:\n      - { from: http, url: 'http://127.0.0.1:${port}/' }`)
  writeFileSync(file, config)
  const script = `
    import { pino } from ${JSON.stringify(import.meta.resolve('pino'))}
    import { readFileSync } from 'node:fs'
    import { parseConfig } from ${JSON.stringify(import.meta.resolve('../../src/config/file.ts'))}
    import { Balancer } from ${JSON.stringify(import.meta.resolve('../../src/control/balancer.ts'))}
    const config = parseConfig(readFileSync(${JSON.stringify(file)}, 'utf8'), 'limpet.yaml', {})
    await Balancer.start({ file: config, log: pino({ enabled: false }) }).catch(({ message }) => console.log(message))`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script])
  t.after(() => child.kill('SIGKILL'))
  const [said] = await Promise.all([text(child.stdout), once(child, 'close')])
  assert.match(said, /none\.pem/)
  assert.equal(child.exitCode, 0)
})
