/** Where metrics are served, and to whom; a real Prometheus reads them. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { freePort } from '../../bench/free-port.ts'
import { temporaryFolder } from '../support/folder.ts'
import { adminUrlOf, configFile, type Limpet, runLimpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { Scrape } from '../support/scrape.ts'
import { missing, run } from '../support/tool.ts'
import { until } from '../support/until.ts'
import { onLinux, upgrade } from '../support/upgraded.ts'
import { User } from '../support/user.ts'

test('promtool accepts the metrics without a warning', { skip: missing('promtool', 'prometheus') }, async (t) => {
  const limpet = await started(t)
  await visit(limpet, 20)
  const { text } = await Scrape.of(await metricsUrlOf(limpet))
  assert.deepEqual(await run('promtool', ['check', 'metrics'], text), { stdout: '', stderr: '', code: 0 })
})

test('a real Prometheus collects them', { skip: missing('prometheus') }, async (t) => {
  const limpet = await started(t)
  await visit(limpet, 20)
  const [, target] = /http:\/\/(.*)/.exec(await metricsUrlOf(limpet))!
  const prometheus = await startPrometheus(t, target!)
  const ask = async (query: string) => {
    const answer = await fetch(`${prometheus}/api/v1/query?query=${encodeURIComponent(query)}`).catch(() => undefined)
    if (answer?.ok !== true) return undefined
    const { data } = (await answer.json()) as { data: { result: { value: [number, string] }[] } }
    return data.result.map(({ value: [, text] }) => Number(text))
  }
  await until(async () => (await ask('up'))?.[0] === 1, 100)
  assert.deepEqual(await ask('sum(limpet_requests_total{code="2xx",upstream="app"})'), [20])
  assert.deepEqual(await ask('limpet_request_duration_seconds_count{upstream="app"}'), [20])
  assert.deepEqual(await ask('count(limpet_request_duration_seconds_bucket{upstream="app",le="1.0"})'), [1])
  assert.deepEqual(await ask('sum(limpet_sessions{state="live"})'), [20])
  assert.deepEqual(await ask('count(limpet_event_loop_delay_seconds{quantile="0.99"})'), [2])
  const targets = (await (await fetch(`${prometheus}/api/v1/targets`)).json()) as {
    data: { activeTargets: { lastError: string }[] }
  }
  assert.deepEqual(
    targets.data.activeTargets.map(({ lastError }) => lastError),
    [''],
  )
})

test('the listener serves nothing else', async (t) => {
  const limpet = await started(t)
  const url = await metricsUrlOf(limpet)
  for (const [method, path, status] of [
    ['GET', '/metrics?x=1', 200],
    ['HEAD', '/metrics', 200],
    ['POST', '/metrics', 405],
    ['DELETE', '/metrics', 405],
    ['GET', '/', 404],
    ['GET', '/v1/status', 404],
    ['GET', '/v1/config', 404],
    ['PUT', '/v1/config', 404],
    ['POST', '/v1/reload', 404],
    ['GET', '/metrics/', 404],
    ['GET', '/%6detrics', 404],
  ] as const) {
    const response = await fetch(url + path, { method })
    assert.deepEqual([method, path, response.status], [method, path, status])
    await response.arrayBuffer()
  }
})

test('OpenMetrics is for those who ask for it, in both places', async (t) => {
  const limpet = await started(t)
  await visit(limpet, 3)
  for (const url of [await metricsUrlOf(limpet), await adminUrlOf(limpet)]) {
    const ask = async (headers: Record<string, string>) => {
      const response = await fetch(`${url}/metrics`, { headers })
      return [response.headers.get('Content-Type'), await response.text()] as const
    }
    const [plainType, plain] = await ask({})
    assert.equal(plainType, 'text/plain; version=0.0.4; charset=utf-8')
    assert.match(plain, /^# TYPE limpet_requests_total counter$/m)
    const [openType, open] = await ask({ Accept: 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5' })
    assert.equal(openType, 'application/openmetrics-text; version=1.0.0; charset=utf-8')
    assert.match(open, /^# TYPE limpet_requests counter$/m)
    assert.match(open, /\n# EOF\n$/)
    const samples = (text: string) => text.split('\n').filter((line) => /^limpet_requests_total/.test(line))
    assert.deepEqual(samples(open), samples(plain))
  }
})

test('at the admin API, they need the scope to read', async (t) => {
  const token = 'a'.repeat(32)
  const limpet = await started(t, `admin: { port: 0, tokens: [{ name: ops, scope: read, value: ${token} }] }`)
  const url = await adminUrlOf(limpet)
  assert.equal((await fetch(`${url}/metrics`)).status, 401)
  assert.equal((await fetch(`${url}/metrics`, { headers: { Authorization: `Bearer ${token}` } })).status, 200)
  assert.equal((await fetch(`${await metricsUrlOf(limpet)}/metrics`)).status, 200)
})

test('a port that another program has is an error that says so', async (t) => {
  const limpet = await started(t)
  const [, port] = /:(\d+)$/.exec(await metricsUrlOf(limpet))!
  const file = await configFile(
    t,
    `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    admin: off
    metrics: { port: ${port} }
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { servers: ["127.0.0.1:9"] } }
  `,
  )
  const { code, stderr } = await runLimpet(['run', '-c', file])
  assert.equal(code, 1)
  assert.match(
    stderr,
    new RegExp(
      `cannot listen on 127\\.0\\.0\\.1 port ${port} for the metrics: another program listens there; stop it, or choose another port in the file`,
    ),
  )
})

test('where they are served cannot change while it runs', async (t) => {
  const limpet = await started(t)
  const before = await metricsUrlOf(limpet)
  await writeFile(
    limpet.file,
    configOf('127.0.0.1:9').replace('metrics: { port: 0 }', 'metrics: { port: 0, address: "::1" }'),
  )
  limpet.process.kill('SIGHUP')
  await limpet.errors.find(/metrics: cannot change while Limpet is running/)
  assert.equal((await fetch(`${before}/metrics`)).status, 200)
})

test('the listener goes along at an upgrade, and is closed at the end', onLinux, async (t) => {
  const limpet = await started(t)
  const url = await metricsUrlOf(limpet)
  await visit(limpet, 5)
  const held = await RawClient.connect(t, limpet.port)
  const pid = await upgrade(t, limpet)
  assert.equal((await Scrape.of(url)).sum('limpet_requests_total'), 5)
  held.socket.destroy()
  assert.equal(await limpet.exit, 0)
  assert.equal((await Scrape.of(url)).sum('limpet_requests_total'), 5)
  process.kill(pid, 'SIGTERM')
  await until(() =>
    fetch(`${url}/metrics`).then(
      () => false,
      () => true,
    ),
  )
})

test('there are as many series as the configuration makes, and no client or session is in any of them', async (t) => {
  const limpet = await started(t)
  const url = await metricsUrlOf(limpet)
  await visit(limpet, 20)
  const before = await Scrape.of(url)
  const cookies: string[] = []
  const secrets = ['strange-host.example', 'strange-agent', 'strange-path', 'strange-query', 'strange-method']
  for (let index = 0; index < 200; index++) {
    const user = new User()
    await user.get(limpet.port, `/strange-path${index}?strange-query=${index}`, {
      Host: `strange-host.example${index}`,
      'User-Agent': `strange-agent${index}`,
    })
    cookies.push(...user.cookies.values())
  }
  const odd = await RawClient.connect(t, limpet.port)
  odd.say('STRANGE-METHOD / HTTP/1.1\r\nHost: a\r\n\r\n')
  // Node.js does not know that method.
  await odd.take(/400/)
  await until(async () => (await Scrape.of(url)).sum('limpet_requests_total') === 221)
  const after = await Scrape.of(url)
  const seriesOf = ({ samples }: Scrape) => samples.map(({ name, labels }) => `${name} ${JSON.stringify(labels)}`)
  assert.deepEqual(seriesOf(after), seriesOf(before))
  for (const secret of [...secrets, ...cookies, '127.0.0.1'])
    assert.ok(!after.text.toLowerCase().includes(secret.toLowerCase()), `${secret} is in the metrics`)
})

test('a route is named in one line, whatever its headers are', async (t) => {
  const limpet = await startLimpet(t, {
    listeners: [{ address: '127.0.0.1', port: 0 }],
    admin: 'off',
    metrics: { port: 0 },
    accessLog: 'off',
    routes: [
      {
        host: '*.example.org',
        path: '/shop/*',
        methods: ['GET', 'HEAD'],
        headers: { 'X-Beta': 'a"b\\c' },
        upstream: 'app',
      },
    ],
    upstreams: { app: { servers: [(await httpOrigin(t, (_, response) => response.end('hello'))).address] } },
  })
  const url = await metricsUrlOf(limpet)
  await new User().get(limpet.port, '/shop/a', { Host: 'www.example.org', 'X-Beta': 'a"b\\c' })
  await until(async () => (await Scrape.of(url)).sum('limpet_requests_total') === 1)
  const [sample] = (await Scrape.of(url)).all('limpet_route_requests_total', { code: '2xx' })
  assert.equal(sample!.labels.route, 'GET,HEAD *.example.org/shop/* x-beta: a"b\\c')
  assert.equal(sample!.value, 1)
})

async function started(t: TestContext, admin = 'admin: { port: 0 }'): Promise<Limpet> {
  const { address } = await httpOrigin(t, (_, response) => response.end('hello'))
  return startLimpet(t, configOf(address, admin))
}

function configOf(server: string, admin = 'admin: { port: 0 }'): string {
  return `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    ${admin}
    metrics: { port: 0 }
    accessLog: off
    workers: 2
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { affinity: cookie, servers: [{ name: a, address: "${server}" }] } }
  `
}

async function visit({ port }: Limpet, count: number): Promise<void> {
  for (let visitor = 0; visitor < count; visitor++) await new User().get(port)
}

async function metricsUrlOf({ errors }: Limpet): Promise<string> {
  const [, place] = await errors.find(/metrics are served on ([^\s"]+)/)
  return `http://${place}`
}

/** A Prometheus that collects the metrics of that target every second; resolves to its address. */
async function startPrometheus(t: TestContext, target: string): Promise<string> {
  const ending = Promise.withResolvers<ChildProcess>()
  // Before its folder is removed.
  t.after(async () => {
    const child = await ending.promise
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  const folder = await temporaryFolder(t)
  const port = await freePort()
  const file = join(folder, 'prometheus.yml')
  const job = { job_name: 'limpet', scrape_interval: '1s', static_configs: [{ targets: [target] }] }
  await writeFile(file, JSON.stringify({ scrape_configs: [job] }))
  const args = [`--config.file=${file}`, `--storage.tsdb.path=${folder}/data`, `--web.listen-address=127.0.0.1:${port}`]
  ending.resolve(spawn('prometheus', args, { stdio: 'ignore' }))
  return `http://127.0.0.1:${port}`
}
