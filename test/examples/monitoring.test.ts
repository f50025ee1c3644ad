/** examples/monitoring, by a real Prometheus that scrapes a running demo. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { freePort } from '../../bench/free-port.ts'
import { startDemo } from '../support/demo.ts'
import { temporaryFolder } from '../support/folder.ts'
import { Lines } from '../support/limpet.ts'

const MONITORING = fileURLToPath(new URL('../../examples/monitoring', import.meta.url))
const DASHBOARD = join(MONITORING, 'grafana/dashboards/limpet.json')
const hasPrometheus = ['prometheus', 'promtool'].every((name) => spawnSync(name, ['--version']).error === undefined)
const skip = hasPrometheus ? false : 'needs prometheus and promtool'

interface Panel {
  readonly title: string
  readonly type: string
  readonly targets?: readonly { readonly expr: string }[]
}

interface Rule {
  readonly alert: string
  readonly expr: string
}

async function panels(): Promise<readonly Panel[]> {
  const dashboard = JSON.parse(await readFile(DASHBOARD, 'utf8'))
  return dashboard.panels.filter(({ type }: Panel) => type !== 'row')
}

async function rules(): Promise<readonly Rule[]> {
  return parse(await readFile(join(MONITORING, 'alerts.yml'), 'utf8')).groups[0].rules
}

interface PrometheusAnswer {
  readonly status: string
  readonly error?: string
  // biome-ignore lint/suspicious/noExplicitAny: JSON of any shape
  readonly data: any
}

/** A query as Grafana sends it, with all that the variables offer. */
function filledIn(expression: string): string {
  return expression.replace(/\$(?:instance|upstream|server)/g, '.*').replaceAll('$__rate_interval', '15s')
}

for (const [what, args] of Object.entries({
  configuration: ['check', 'config', 'prometheus.yml'],
  alerts: ['check', 'rules', 'alerts.yml'],
  'tests of the alerts': ['test', 'rules', 'alerts.test.yml'],
})) {
  test(`promtool accepts the ${what}`, { skip }, () => {
    const { status, stdout, stderr } = spawnSync('promtool', args, { cwd: MONITORING, encoding: 'utf8' })
    assert.equal(status, 0, stdout + stderr)
  })
}

test('there is a test for each alert', async () => {
  const { tests } = parse(await readFile(join(MONITORING, 'alerts.test.yml'), 'utf8'))
  const names = (await rules()).map(({ alert }) => alert)
  for (const { alert_rule_test: tested } of tests) {
    assert.deepEqual(new Set(tested.map(({ alertname }: { alertname: string }) => alertname)), new Set(names))
  }
})

/** Prometheus with the example's configuration, which scrapes that place every second. */
async function startPrometheus(t: TestContext, target: string) {
  const folder = await temporaryFolder(t)
  await cp(MONITORING, folder, { recursive: true })
  const file = join(folder, 'prometheus.yml')
  const config = await readFile(file, 'utf8')
  const quick = config
    .replace('127.0.0.1:9000', target)
    .replace('scrape_interval: 5s', 'scrape_interval: 1s')
    .replace('evaluation_interval: 15s', 'evaluation_interval: 1s')
  await writeFile(file, quick)
  const place = `127.0.0.1:${await freePort()}`
  const flags = ['--config.file', file, '--storage.tsdb.path', join(folder, 'data'), '--web.listen-address', place]
  const prometheus = spawn('prometheus', flags, { stdio: ['ignore', 'ignore', 'pipe'] })
  const exit = once(prometheus, 'exit')
  t.after(async () => {
    prometheus.kill('SIGKILL')
    await exit
  })
  await new Lines(prometheus.stderr).find(/Server is ready to receive web requests/)
  return async (path: string) => (await fetch(`http://${place}/api/v1/${path}`)).json() as Promise<PrometheusAnswer>
}

test('each panel and each alert gets what it asks a real Prometheus for', { skip, timeout: 180_000 }, async (t) => {
  const state = join(await temporaryFolder(t), 'state')
  const demo = await startDemo(t, state, ['--traffic', '--https'])
  const ask = await startPrometheus(t, new URL(demo.admin).host)
  const token = (await readFile(join(state, 'admin-token'), 'utf8')).trim()
  const change = async (method: string, path: string, body: unknown) => {
    const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }
    const answer = await fetch(`${demo.admin}/v1${path}`, { method, headers, body: JSON.stringify(body) })
    assert.equal(answer.ok, true, await answer.text())
  }
  // A server that fails, at first beside one that serves, then alone; and one that is drained.
  await change('PUT', '/upstreams/dynamic/servers/gone', { address: '127.0.0.1:1' })
  await change('PATCH', '/upstreams/dynamic/servers/dynamic-1', { admin: 'maintenance' })
  await change('PUT', '/upstreams/chat/servers/chat-1/drain', {})

  const queries = (await panels()).flatMap(({ title, targets }) => targets!.map(({ expr }) => ({ title, expr })))
  assert.ok(queries.length >= 50, `${queries.length} queries`)
  let left = queries
  let isAlone = false
  for (const end = Date.now() + 90_000; left.length > 0 && Date.now() < end; await pause(500)) {
    const answers = await Promise.all(
      left.map(async (query) => {
        const answer = await ask(`query?query=${encodeURIComponent(filledIn(query.expr))}`)
        assert.equal(answer.status, 'success', `${query.title}: ${query.expr}: ${answer.error}`)
        return answer.data.result.length > 0
      }),
    )
    left = left.filter((_, index) => !answers[index])
    if (left.every(({ title }) => title === 'Failures and retries') && !isAlone) {
      isAlone = true
      await change('PATCH', '/upstreams/dynamic/servers/dynamic-2?force=true', { admin: 'maintenance' })
    }
  }
  assert.deepEqual(left, [], 'these return nothing')

  const { data } = await ask('rules')
  const evaluated = data.groups.flatMap(({ rules }: { rules: readonly { name: string; health: string }[] }) => rules)
  assert.deepEqual(
    evaluated.map(({ name, health }: { name: string; health: string }) => [name, health]),
    (await rules()).map(({ alert }) => [alert, 'ok']),
  )
  const { data: targets } = await ask('targets')
  assert.deepEqual(
    targets.activeTargets.map(({ lastError }: { lastError: string }) => lastError),
    [''],
  )

  const exposed = await (await fetch(`${demo.admin}/metrics`)).text()
  const families = new Set([...exposed.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name))
  const expressions = [...queries, ...(await rules())].map(({ expr }) => expr).join('\n')
  const names = new Set([...expressions.matchAll(/\b(?:limpet|process)_\w+/g)].map(([name]) => name))
  const unknown = [...names].filter((name) => !families.has(name.replace(/_(?:bucket|sum|count)$/, '')))
  assert.deepEqual(unknown, [], 'these are no metrics of Limpet')
})
