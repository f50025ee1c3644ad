/** What signals do, in particular while the program is starting. TERM, INT and QUIT are in stopping.test.ts. */
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { connect } from 'node:net'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { LIMPET, Lines, startLimpet } from '../support/limpet.ts'
import { httpOrigin, rawOrigin } from '../support/origin.ts'

const LAB = { STATIC_BACKEND: '127.0.0.1:1', DYNAMIC_BACKEND: '127.0.0.1:1', PORT: '0' }
const skip = process.platform === 'linux' ? false : '/proc tells which signals a process handles, on Linux only'

function start(t: TestContext, ...args: string[]) {
  return startWith(t, LAB, ...args)
}

function startWith(t: TestContext, variables: NodeJS.ProcessEnv, ...args: string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'limpet-signals-'))
  const env = { ...process.env, ...variables, STATE_DIRECTORY: folder }
  const child = spawn(process.execPath, [LIMPET, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
  t.after(async () => {
    child.kill('SIGKILL')
    await closed
    rmSync(folder, { recursive: true })
  })
  return { child, closed, stdout: new Lines(child.stdout), stderr: new Lines(child.stderr) }
}

/** Resolves once the process handles signals: HUP is the last that it handles, and the only one that Node does not. */
async function handlesSignals({ pid }: ChildProcess): Promise<void> {
  const bit = 1n << BigInt(constants.signals.SIGHUP - 1)
  for (;;) {
    const [, caught] = /^SigCgt:\s*(\w+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))!
    if ((BigInt(`0x${caught}`) & bit) !== 0n) return
    await pause(1)
  }
}

async function isRefused(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  const connected = once(socket, 'connect').then(
    () => false,
    () => true,
  )
  return connected.finally(() => socket.destroy())
}

describe('during the start', { skip }, () => {
  test('TERM ends a program that waits for the first check of its servers', async (t) => {
    // It accepts connections, and never answers.
    const silent = await rawOrigin(t, () => {})
    const folder = mkdtempSync(join(tmpdir(), 'limpet-signals-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'limpet.yaml')
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      routes: [{ path: /*, upstream: app }]
      upstreams:
        app:
          servers: [${silent.address}]
          health: { check: { type: http, path: /, timeout: 9s, initial: unknown } }
    `
    writeFileSync(file, config)
    const { child, closed } = startWith(t, {}, 'run', '-c', file)
    await once(silent.server, 'connection')
    const began = performance.now()
    child.kill('SIGTERM')
    assert.deepEqual(await closed, [0, null])
    // Otherwise it would wait for the check, for up to 9 s.
    assert.ok(performance.now() - began < 8000)
  })

  for (const signal of ['SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const) {
    test(`${signal} neither ends the program nor opens a debugger`, async (t) => {
      const { child, closed, stderr } = start(t, 'run')
      await handlesSignals(child)
      for (let i = 0; i < 3; i++) child.kill(signal)
      await stderr.find(/listening on/)
      child.kill('SIGTERM')
      assert.deepEqual(await closed, [0, null])
      assert.doesNotMatch(stderr.all.join('\n'), /debugger/i)
    })
  }

  for (const signal of ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const) {
    test(`${signal} ends the program with 0, as it does later`, async (t) => {
      const { child, closed } = start(t, 'run')
      await handlesSignals(child)
      child.kill(signal)
      assert.deepEqual(await closed, [0, null])
    })
  }

  test('USR1 is handled later: a log that was rotated at that moment is reopened', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'limpet-signals-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'access.log')
    const config = `
      routes: [{ path: /*, upstream: static }]
      upstreams: { static: { servers: [127.0.0.1:1] }, dynamic: { servers: [127.0.0.1:1] } }
      accessLog: { file: ${file} }
    `
    writeFileSync(join(folder, 'limpet.yaml'), config)
    const { child, closed, stderr } = start(t, 'run', '-c', join(folder, 'limpet.yaml'))
    // The log is opened before the workers are started, and USR1 is handled after that.
    while (!existsSync(file)) await pause(1)
    renameSync(file, `${file}.1`)
    child.kill('SIGUSR1')
    await stderr.find(/listening on/)
    while (!existsSync(file)) await pause(1)
    child.kill('SIGTERM')
    assert.deepEqual(await closed, [0, null])
  })

  test('a debugger that USR1 opened before our first line is closed', async (t) => {
    const early = 'data:text/javascript,process.kill(process.pid,`SIGUSR1`);await(new(Promise)(r=>setTimeout(r,100)))'
    const origin = await httpOrigin(t, (_request, response) => response.end('here'))
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      routes: [{ path: /*, upstream: only }]
      upstreams: { only: { servers: [${origin.address}] } }
    `
    const limpet = await startLimpet(t, config, { env: { NODE_OPTIONS: `--inspect-port=0 --import=${early}` } })
    const [, port] = await limpet.errors.find(/Debugger listening on ws:\/\/127\.0\.0\.1:(\d+)/)
    assert.ok(await isRefused(Number(port)))
  })
})

describe('while it serves', () => {
  for (const [signal, says] of [['SIGHUP', /SIGHUP: the configuration has not changed$/]] as const) {
    test(`${signal} changes nothing, and the log says so`, async (t) => {
      const origin = await httpOrigin(t, (_request, response) => response.end('here'))
      const config = `
        listeners: [{ address: 127.0.0.1, port: 0 }]
        routes: [{ path: /*, upstream: only }]
        upstreams: { only: { servers: [${origin.address}] } }
      `
      const limpet = await startLimpet(t, config)
      limpet.process.kill(signal)
      await limpet.errors.find(says)
      assert.equal(await (await fetch(limpet.url)).text(), 'here')
    })
  }
})

describe('a short command', { skip }, () => {
  /** `limpet check` of a file that is a pipe, so that it waits for the test. */
  function check(t: TestContext) {
    const folder = mkdtempSync(join(tmpdir(), 'limpet-signals-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const pipe = join(folder, 'pipe')
    execFileSync('mkfifo', [pipe])
    return { ...start(t, 'check', '-c', pipe), pipe }
  }

  test('opens no debugger on USR1', async (t) => {
    const { child, closed, stderr, pipe } = check(t)
    const file = await open(pipe, 'w')
    child.kill('SIGUSR1')
    const config = `
      routes: [{ path: /*, upstream: static }]
      upstreams: { static: { servers: [a] }, dynamic: { servers: [a] } }
    `
    await file.writeFile(config)
    await file.close()
    const [code] = await closed
    assert.deepEqual([code, stderr.all.filter((line) => /debugger/i.test(line))], [0, []])
  })

  test('is ended by TERM, whatever it waits for', async (t) => {
    const { child, closed, pipe } = check(t)
    const file = await open(pipe, 'w')
    child.kill('SIGTERM')
    assert.deepEqual(await closed, [null, 'SIGTERM'])
    await file.close()
  })
})

describe('the lab', { skip }, () => {
  for (const signal of ['SIGHUP', 'SIGQUIT', 'SIGTERM', 'SIGINT'] as const) {
    test(`ends on ${signal}, with its servers`, async (t) => {
      const { child, closed, stdout } = start(t, 'demo')
      const [, url] = await stdout.find(/static-1 +(http:\S+)/)
      child.kill(signal)
      assert.deepEqual(await closed, [0, null])
      await assert.rejects(fetch(url!))
    })
  }

  test('opens no debugger on USR1, and goes on', async (t) => {
    const { child, stdout, stderr } = start(t, 'demo')
    await handlesSignals(child)
    child.kill('SIGUSR1')
    const [, url] = await stdout.find(/Open +(http:\S+)/)
    child.kill('SIGUSR1')
    assert.equal((await fetch(url!)).status, 200)
    assert.doesNotMatch(stderr.all.join('\n'), /debugger/i)
  })
})
