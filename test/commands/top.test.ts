/** `limpet top` on a real pseudo-terminal, against a real Limpet. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { freePort } from '../../bench/free-port.ts'
import type { Server, Upstreams } from '../../src/admin/answers.ts'
import { adminUrlOf, LIMPET, type Limpet, runLimpet, startLimpet } from '../support/limpet.ts'
import { namedOrigins } from '../support/origin.ts'
import { PseudoTerminal } from '../support/pseudo-terminal.ts'
import { upgrade } from '../support/upgraded.ts'

const needs = ['/usr/bin/script', '/usr/bin/stty', '/bin/stty']
const skip = existsSync(needs[0]!) && needs.slice(1).some(existsSync) ? false : 'needs script(1) and stty(1)'

/** Limpet with an upstream of two servers, a and b. */
async function startWithTwo(t: TestContext, adminPort = 0): Promise<Limpet> {
  const { a, b } = await namedOrigins(t, 'a', 'b')
  return startLimpet(t, {
    listeners: [{ address: '127.0.0.1', port: 0 }],
    admin: { port: adminPort },
    workers: 1,
    instance: 'seen',
    routes: [{ path: '/*', upstream: 'app' }],
    upstreams: {
      app: {
        affinity: 'cookie',
        servers: [
          { name: 'a', address: a.address },
          { name: 'b', address: b.address },
        ],
      },
    },
  })
}

interface TopOptions {
  readonly columns?: number
  readonly rows?: number
  readonly env?: NodeJS.ProcessEnv
  /** A command of the shell that runs after it. */
  readonly after?: string
}

async function startTop(t: TestContext, limpet: Limpet, options: TopOptions = {}): Promise<PseudoTerminal> {
  const { columns = 80, rows = 24, env = {}, after } = options
  const url = await adminUrlOf(limpet)
  const command = `${process.execPath} ${LIMPET} top --url ${url}`
  // Node.js shows no colours where tests run by themselves.
  const { NO_COLOR: _, CI: _ci, TERM: _term, ...inherited } = process.env
  return new PseudoTerminal(t, after === undefined ? `exec ${command}` : `${command}; ${after}`, columns, rows, {
    ...inherited,
    STATE_DIRECTORY: limpet.stateDirectory,
    ...env,
  })
}

async function serversOf(limpet: Limpet): Promise<readonly Server[]> {
  const answer = await fetch(`${await adminUrlOf(limpet)}/v1/upstreams`)
  return ((await answer.json()) as Upstreams).upstreams[0]!.servers
}

/** Presses a key until the screen shows that. */
async function pressUntil(top: PseudoTerminal, key: string, expected: RegExp): Promise<void> {
  for (let presses = 0; presses < 20; presses++) {
    if (expected.test(top.screen)) return
    const before = top.screen
    top.press(key)
    while (top.screen === before) await top.changes()
  }
  assert.match(top.screen, expected)
}

test('shows traffic, and drains, readies and weighs a server, each after one look at the plan', { skip }, async (t) => {
  const limpet = await startWithTwo(t)
  for (let requests = 0; requests < 4; requests++) assert.equal((await fetch(limpet.url)).status, 200)
  const top = await startTop(t, limpet)
  await top.shows(/limpet \S+ +seen .*● live/)
  await top.shows(/requests\/s +\S+ +[▁▂▃▄▅▆▇█]+/)
  await top.shows(/app +2\/2/)

  top.press('3')
  await top.shows(/› app +a +up/)
  top.press('j')
  await top.shows(/› app +b +up/)
  top.press('d')
  await top.shows(
    /Drain app\/b\?[\s\S]*server b: ready → drain[\s\S]*of 4 live sessions, 2 stay, 2 move\n +b → a: 2 sessions/,
  )
  top.press('\u001B')
  await top.shows(/› app +b +up/)
  assert.equal((await serversOf(limpet))[1]!.state.admin, 'ready', 'a look changes nothing')
  top.press('d')
  await top.shows(/y: do it/)
  top.press('y')
  await top.shows(/b +drain, 2 left/)
  assert.equal((await serversOf(limpet))[1]!.state.admin, 'drain')

  top.press('k')
  await top.shows(/› app +a/)
  top.press('d')
  await top.shows(/y: do it/)
  top.press('y')
  await top.shows(/it would leave upstream app without a server/)
  assert.equal((await serversOf(limpet))[0]!.state.admin, 'ready')

  top.press('j')
  await top.shows(/› app +b/)
  top.press('r')
  await top.shows(/Let app\/b serve everybody again\?[\s\S]*y: do it/)
  top.press('y')
  await top.shows(/› app +b +up/)
  top.press('w')
  await top.shows(/weight of b: 1/)
  top.press('\u007F5\r')
  await top.shows(/weight 1 → 5[\s\S]*y: do it/)
  top.press('y')
  await top.shows(/› app +b +up +5/)
  const [, b] = await serversOf(limpet)
  assert.deepEqual([b!.state.admin, b!.weight], ['ready', 5])

  top.press('4')
  await top.shows(/applied +upstream app: server b: weight 1 → 5/)
  top.press('q')
  assert.equal(await top.exit, 0)
})

test('sorts and filters the rows, and keeps the marked server', { skip }, async (t) => {
  const limpet = await startWithTwo(t)
  for (let requests = 0; requests < 4; requests++) await fetch(limpet.url)
  await runLimpet(['weight', 'app/b', '7', '--url', await adminUrlOf(limpet)], {
    STATE_DIRECTORY: limpet.stateDirectory,
  })
  const top = await startTop(t, limpet)
  await top.shows(/● live/)
  top.press('3')
  await top.shows(/app +a[\s\S]*app +b/)
  top.press('j')
  await top.shows(/› app +b/)
  top.press('k')
  await top.shows(/› app +a/)
  await pressUntil(top, 's', /WEIGHT↓/)
  await top.shows(/app +b[\s\S]*› app +a/)
  top.press('o')
  await top.shows(/WEIGHT↑[\s\S]*› app +a[\s\S]*app +b/)
  top.press('/')
  top.press('app/b')
  await top.shows(/filter: app\/b/)
  await top.shows(/^› app +b +up/m)
  assert.doesNotMatch(top.screen, /app +a +up/)
  top.press('\r')
  top.press('\u001B')
  await top.shows(/› app +a[\s\S]*app +b/)
  top.press('2')
  await top.shows(/› app +2\/2/)
  top.press('\r')
  await top.shows(/\[3 Servers\].*upstream app/)
})

test('fits the terminal, whatever its size, and follows it', { skip }, async (t) => {
  const top = await startTop(t, await startWithTwo(t))
  await top.shows(/● live/)
  await top.shows(/^ {2}p50 .* sessions \d.* queued \d+$/m)
  assertFits(top, 80, 24)
  top.press('?')
  await top.shows(/set its weight$/m)
  top.press(' ')
  top.press('3')
  await top.shows(/› app +a/)
  assert.doesNotMatch(top.screen, /ADDRESS/)
  assertFits(top, 80, 24)
  await top.resize(200, 60)
  await top.shows(/LAST 2 MIN +ADDRESS[\s\S]*q: quit/)
  assertFits(top, 200, 60)
  await top.resize(40, 10)
  await top.shows(/^ limpet .{25,31}● live\n[\s\S]*keys/)
  assert.equal(top.screen.split('\n').length, 10)
})

function assertFits(top: PseudoTerminal, columns: number, rows: number): void {
  const lines = top.screen.split('\n')
  assert.equal(lines.length, rows)
  for (const line of lines) assert.ok(line.length <= columns, `${line.length} columns: ${line}`)
}

for (const [what, end] of Object.entries({
  q: (top: PseudoTerminal) => top.press('q'),
  'Ctrl-C': (top: PseudoTerminal) => top.press('\u0003'),
})) {
  test(`${what} gives the terminal back as it was`, { skip }, async (t) => {
    const top = await startTop(t, await startWithTwo(t), { after: 'echo code $?; read line' })
    await top.shows(/● live/)
    assert.match(await top.settings(), /-icanon/)
    end(top)
    await top.shows(/code 0/)
    const settings = await top.settings()
    assert.match(settings, / icanon/)
    assert.match(settings, / echo /)
    assert.match(top.written, /␛\[\?7h␛\[\?25h␛\[\?1049l[^␛]*code 0/)
  })
}

test('says that the connection is lost, and heals, also over an upgrade', { skip, timeout: 60_000 }, async (t) => {
  const port = await freePort()
  const limpet = await startWithTwo(t, port)
  const top = await startTop(t, limpet)
  await top.shows(/● live/)
  const pid = await upgrade(t, limpet)
  await top.shows(/✗ connection lost/)
  await top.shows(/● live/)
  process.kill(pid, 'SIGKILL')
  await top.shows(/✗ connection lost .* ago, trying again: no admin API answers/)
  await startWithTwo(t, port)
  await top.shows(/● live/)
  top.press('q')
  assert.equal(await top.exit, 0)
})

test('shows no colours if NO_COLOR says so, and some otherwise', { skip }, async (t) => {
  const limpet = await startWithTwo(t)
  const colours = /␛\[\d+m/
  const top = await startTop(t, limpet, { env: { NO_COLOR: '1' } })
  await top.shows(/● live/)
  assert.doesNotMatch(top.written, colours)
  const other = await startTop(t, limpet)
  await other.shows(/● live/)
  assert.match(other.written, colours)
})

test('prints the tables once without a terminal, or if asked to', async (t) => {
  const limpet = await startWithTwo(t)
  await fetch(limpet.url)
  const url = await adminUrlOf(limpet)
  const { code, stdout } = await runLimpet(['top', '--url', url])
  assert.equal(code, 0)
  assert.match(stdout, /^ {2}UPSTREAM +UP .*\n {2}app +2\/2/m)
  assert.match(stdout, /^ {2}UPSTREAM +SERVER .*\n {2}app +a .*\n {2}app +b /m)
  assert.ok(!stdout.includes('\u001B'))
  const { stdout: json } = await runLimpet(['top', '--json', '--url', url])
  const { traffic, upstreams } = JSON.parse(json)
  assert.equal(upstreams[0].name, 'app')
  assert.ok(Array.isArray(traffic.samples))
})

test('--once prints on a terminal, too', { skip }, async (t) => {
  const limpet = await startWithTwo(t)
  const command = `exec ${process.execPath} ${LIMPET} top --once --url ${await adminUrlOf(limpet)}`
  const terminal = new PseudoTerminal(t, command, 80, 24, process.env)
  assert.equal(await terminal.exit, 0)
  assert.match(terminal.written, /SERVER/)
  assert.doesNotMatch(terminal.written, /␛\[\?1049h/)
})

test('ends with a clear message if no Limpet answers', { skip }, async (t) => {
  const command = `exec ${process.execPath} ${LIMPET} top --url http://127.0.0.1:${await freePort()}`
  const terminal = new PseudoTerminal(t, command, 80, 24, process.env)
  assert.equal(await terminal.exit, 1)
  assert.match(terminal.written, /limpet: no admin API answers at http:\/\/127\.0\.0\.1:\d+ \(ECONNREFUSED\)/)
  assert.doesNotMatch(terminal.written, /␛\[\?1049h/)
})
