/** Logs that nobody reads, or that cannot be written, hold up neither requests, nor the admin API, nor signals. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { freePort } from '../../bench/free-port.ts'
import { Status } from '../../src/admin/answers.ts'
import { temporaryFolder } from '../support/folder.ts'
import { configFile, LIMPET, Lines, runLimpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin, type Origin } from '../support/origin.ts'
import { answers } from '../support/port.ts'

/** A full pipe: the end that a program is given to write to, and a way to start reading. */
async function fullPipe(t: TestContext) {
  const pipe = join(await temporaryFolder(t), 'pipe')
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
  t.after(() => closeSync(both))
  return { end, read: () => new Lines(spawn('cat', [pipe], { stdio: ['ignore', 'pipe', 'inherit'] }).stdout) }
}

/** One server, on fixed ports, since Limpet may not be able to log where it listens. */
const config = (port: number, adminPort: number, origin: Origin) => `
  listeners: [{ address: 127.0.0.1, port: ${port} }]
  workers: 1
  admin: { port: ${adminPort} }
  routes: [{ path: /*, upstream: app }]
  upstreams: { app: { servers: [${origin.address}] } }
`

/** Limpet with that configuration, its standard output and its standard error, once both ports answer. */
async function startWith(t: TestContext, stdout: number | 'pipe', stderr: number | 'pipe') {
  const origin = await httpOrigin(t, (_request, response) => response.end('here'))
  const [port, adminPort] = [await freePort(), await freePort()]
  const file = await configFile(t, config(port, adminPort, origin))
  const child = spawn(process.execPath, [LIMPET, 'run', '-c', file], {
    env: { ...process.env, STATE_DIRECTORY: dirname(file) },
    stdio: ['ignore', stdout, stderr],
  })
  const exit = once(child, 'exit')
  t.after(async () => {
    child.kill('SIGKILL')
    await exit
  })
  await Promise.all([answers(port), answers(adminPort)])
  const status = async () => Status.parse(await (await fetch(`http://127.0.0.1:${adminPort}/v1/status`)).json())
  return { child, exit, port, adminPort, status }
}

/** Sends that many requests over one connection, each with a long line in the access log. */
async function ask(port: number, times: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  for (let i = 0; i < times; i++) {
    const [response] = await once(get({ port, agent, headers: { 'User-Agent': '"'.repeat(10_000) } }), 'response')
    assert.equal(await text(response), 'here')
  }
  agent.destroy()
}

test('standard error that nobody reads holds up neither requests, nor the admin API, nor TERM', async (t) => {
  const { end, read } = await fullPipe(t)
  const { child, exit, port, status } = await startWith(t, 'pipe', end)
  closeSync(end)
  child.stdout!.resume()
  for (let i = 0; i < 10; i++) child.kill('SIGHUP')
  await ask(port, 1)
  assert.equal((await status()).workers, 1)
  // The lines wait for a reader.
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

test('standard output that nobody reads loses lines of the access log, which are counted, and takes no memory', async (t) => {
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
  assert.match(stdout, /^! the access log has lost [\d,]+ lines?/m)

  const lines = read()
  const [, dropped] = await errors.find(/WARN: the access log has caught up; (\d+) lines were dropped$/)
  assert.equal((await status()).droppedLogLines, Number(dropped))
  await lines.matching(/ "GET \/ HTTP\/1.1" 200 /, asked - Number(dropped))
  child.kill('SIGTERM')
  assert.deepEqual(await exit, [0, null])
})

test('standard output that is closed is reported once, and requests go on', async (t) => {
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

test('a named pipe without a reader as the access log holds up no request, and gets its lines once it has a reader', async (t) => {
  const file = join(await temporaryFolder(t), 'pipe')
  execFileSync('mkfifo', [file])
  const origin = await httpOrigin(t, (_request, response) => response.end('here'))
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    accessLog: { file: ${file} }
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { servers: [${origin.address}] } }
  `
  const limpet = await startLimpet(t, config)
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
