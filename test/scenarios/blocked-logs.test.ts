/** Nobody reads what Limpet writes, or nobody can: the traffic, the admin API and the signals go on. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent, get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { freePort } from '../../bench/free-port.ts'
import { Status } from '../../src/admin/answers.ts'
import { LIMPET, Lines, runLimpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'
import { answers } from '../support/port.ts'

/** A pipe that is full, and the end of it that a program is given. */
async function fullPipe(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'limpet-pipe-'))
  const pipe = join(folder, 'pipe')
  execFileSync('mkfifo', [pipe])
  const both = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK)
  const end = openSync(pipe, constants.O_WRONLY)
  const filling = Buffer.alloc(4096, `${'-'.repeat(63)}\n`)
  assert.throws(
    () => {
      for (;;) writeSync(both, filling)
    },
    { code: 'EAGAIN' },
  )
  t.after(async () => {
    closeSync(both)
    await rm(folder, { recursive: true })
  })
  return { end, read: () => new Lines(spawn('cat', [pipe], { stdio: ['ignore', 'pipe', 'inherit'] }).stdout) }
}

/** Limpet on fixed ports, since it may not be able to say where it listens. */
async function startWith(t: TestContext, stdout: number | 'pipe', stderr: number | 'pipe', settings: object = {}) {
  const origin = await httpOrigin(t, (_request, response) => response.end('here'))
  const [port, adminPort] = [await freePort(), await freePort()]
  const folder = await mkdtemp(join(tmpdir(), 'limpet-test-'))
  const file = join(folder, 'limpet.yaml')
  const config = {
    listeners: [{ address: '127.0.0.1', port }],
    workers: 1,
    admin: { port: adminPort },
    routes: [{ path: '/*', upstream: 'only' }],
    upstreams: { only: { servers: [origin.address] } },
    ...settings,
  }
  await writeFile(file, JSON.stringify(config))
  const child = spawn(process.execPath, [LIMPET, 'run', '-c', file], {
    env: { ...process.env, STATE_DIRECTORY: folder },
    stdio: ['ignore', stdout, stderr],
  })
  const exit = once(child, 'exit')
  t.after(async () => {
    child.kill('SIGKILL')
    await exit
    await rm(folder, { recursive: true })
  })
  await Promise.all([answers(port), answers(adminPort)])
  const status = async () => Status.parse(await (await fetch(`http://127.0.0.1:${adminPort}/v1/status`)).json())
  return { child, exit, port, adminPort, file, status }
}

/** Asks so often, over one connection. */
async function ask(port: number, times: number, path = '/'): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  for (let i = 0; i < times; i++) {
    const [response] = await once(get({ port, path, agent, headers: { 'User-Agent': '"'.repeat(10_000) } }), 'response')
    assert.equal(await text(response), 'here')
  }
  agent.destroy()
}

test('standard error that nobody reads stops neither requests, nor the admin API, nor TERM', async (t) => {
  const { end, read } = await fullPipe(t)
  const { child, exit, port, status } = await startWith(t, 'pipe', end)
  closeSync(end)
  child.stdout!.resume()
  for (let i = 0; i < 10; i++) child.kill('SIGHUP')
  await ask(port, 1)
  assert.equal((await status()).workers, 1)
  // What was said waits for a reader.
  const lines = read()
  await lines.find(/listening on/)
  await lines.find(/SIGHUP: /)
  child.kill('SIGTERM')
  assert.deepEqual(await exit, [0, null])
})

test('TERM ends the program even if nobody ever reads', async (t) => {
  const [stdout, stderr] = [await fullPipe(t), await fullPipe(t)]
  const { child, exit, port } = await startWith(t, stdout.end, stderr.end)
  closeSync(stdout.end)
  closeSync(stderr.end)
  await ask(port, 1)
  child.kill('SIGTERM')
  assert.deepEqual(await exit, [0, null])
})

test('standard output that nobody reads costs lines of the access log, which are counted, and no memory', async (t) => {
  const { end, read } = await fullPipe(t)
  const { child, exit, port, adminPort, status } = await startWith(t, end, 'pipe')
  closeSync(end)
  const errors = new Lines(child.stderr!)
  let asked = 0
  // Lines of 40 kB each, until no more of them can be kept.
  while ((await status()).droppedLogLines === 0) {
    await ask(port, 50)
    asked += 50
  }
  await errors.find(/WARN: the access log is too slow: lines are being dropped$/)
  const memory = residentMemory(child.pid!)
  await ask(port, 600)
  asked += 600
  assert.ok(residentMemory(child.pid!) - memory < 20, 'MB for lines of 24 MB')
  const { stdout } = await runLimpet(['status', '--url', `http://127.0.0.1:${adminPort}`])
  assert.match(stdout, /^! the access log has lost [\d,]+ line\(s\)/m)

  const lines = read()
  const [, dropped] = await errors.find(/WARN: the access log has caught up; (\d+) lines were dropped$/)
  assert.equal((await status()).droppedLogLines, Number(dropped))
  await lines.matching(/ "GET \/ HTTP\/1.1" 200 /, asked - Number(dropped))
  child.kill('SIGTERM')
  assert.deepEqual(await exit, [0, null])
})

test('standard output that is closed is reported once, and nothing else is lost', async (t) => {
  const { child, exit, port } = await startWith(t, 'pipe', 'pipe')
  const errors = new Lines(child.stderr!)
  child.stdout!.destroy()
  await ask(port, 1)
  await errors.find(/WARN: the access log cannot be written: write EPIPE$/)
  await ask(port, 5)
  child.kill('SIGTERM')
  assert.deepEqual(await exit, [0, null])
  assert.equal(errors.all.filter((line) => line.includes('EPIPE')).length, 1)
})

test('a pipe without a reader as the access log keeps nobody waiting, and has its lines once it is read', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'limpet-pipe-'))
  t.after(() => rm(folder, { recursive: true }))
  const file = join(folder, 'pipe')
  execFileSync('mkfifo', [file])
  const origin = await httpOrigin(t, (_request, response) => response.end('here'))
  const limpet = await startLimpet(t, {
    listeners: [{ address: '127.0.0.1', port: 0 }],
    routes: [{ path: '/*', upstream: 'only' }],
    upstreams: { only: { servers: [origin.address] } },
    accessLog: { file },
  })
  await limpet.errors.find(/WARN: the access log waits for a reader: \S+ is a pipe without a reader$/)
  await ask(limpet.port, 1)
  const reader = new Lines(spawn('cat', [file]).stdout)
  await reader.find(/"GET \/ HTTP\/1.1" 200/)
})

/** In MB. */
function residentMemory(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))!
  return Number(kilobytes) / 1024
}
