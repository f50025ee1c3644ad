/** The commands that change a running Limpet, each as a process of its own. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { freePort } from '../../bench/free-port.ts'
import { adminOf } from '../support/admin.ts'
import { temporaryFolder } from '../support/folder.ts'
import { adminUrlOf, configFile, LIMPET, type Limpet, Lines, runLimpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin, namedOrigins, type Origin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { settledUsers } from '../support/settled.ts'
import { User } from '../support/user.ts'

interface Running {
  readonly limpet: Limpet
  readonly socket: string
  /** Runs a command on it: its exit code, then what it printed. */
  run(...args: string[]): Promise<[code: number | null, text: string]>
}

async function running(test: TestContext, config: unknown): Promise<Running> {
  return commandsFor(await startLimpet(test, config))
}

async function commandsFor(limpet: Limpet): Promise<Running> {
  const [, socket] = await limpet.errors.find(/admin API answers on unix:(\S+)/)
  return {
    limpet,
    socket: socket!,
    async run(...args) {
      const { code, stdout, stderr } = await runLimpet([...args, '--socket', socket!])
      return [code, code === 0 ? stdout : stderr + stdout]
    },
  }
}

/** The state of each server, as the admin API has it. */
async function serversOf({ limpet }: Running): Promise<Record<string, string>> {
  const ask = await adminOf(limpet)
  const { servers } = (await ask('GET', '/v1/upstreams/app')).body
  return Object.fromEntries(
    servers.map(({ name, address, weight, state }: Record<string, never> & { state: { admin: string } }) => [
      name,
      `${address} ${weight} ${state.admin}`,
    ]),
  )
}

/** The configuration with what was changed at run time, as the admin API has it. */
async function configNow({ limpet }: Running): Promise<unknown> {
  const ask = await adminOf(limpet)
  return (await ask('GET', '/v1/config')).body
}

const configOf = (servers: Readonly<Record<string, Origin>>, settings = '') => `
  listeners: [{ address: 127.0.0.1, port: 0 }]
  workers: 2
  routes: [{ path: /*, upstream: app }]
  upstreams:
    app:
      ${settings}
      servers: [${Object.entries(servers).map(([name, { address }]) => `{ name: ${name}, address: "${address}" }`)}]
`

describe('commands', () => {
  test('change a server, say what has changed, and are done already the second time', async (t) => {
    const { a, b, c } = await namedOrigins(t, 'a', 'b', 'c')
    const limpet = await running(t, configOf({ a, b }))
    const { run } = limpet
    for (const [args, first, second] of [
      [['weight', 'app/b', '5'], 'upstream app: server b: weight 1 → 5', 'app/b has weight 5 already'],
      [['maintenance', 'app/b'], 'upstream app: server b: ready → maintenance', 'app/b is in maintenance already'],
      [['ready', 'app/b'], 'upstream app: server b: maintenance → ready', 'app/b is ready already'],
      [
        ['add', 'app/c', '--address', c.address, '--weight', '3'],
        'upstream app: server c added',
        'app/c is there already',
      ],
      [['reset', 'app/b'], 'upstream app: server b: weight 5 → 1', 'nothing was changed of app/b at run time'],
    ] as const) {
      assert.deepEqual(await run(...args), [0, first])
      assert.deepEqual(await run(...args), [0, second])
    }
    assert.deepEqual(await run('rename', 'app/b', 'blue'), [0, 'upstream app: server b: name b → blue'])
    assert.deepEqual(await serversOf(limpet), {
      a: `${a.address} 1 ready`,
      blue: `${b.address} 1 ready`,
      c: `${c.address} 3 ready`,
    })
    assert.deepEqual(await run('remove', 'app/c'), [0, 'upstream app: server c removed'])
    assert.deepEqual(await run('remove', 'app/c'), [
      0,
      'upstream app has no server c; did you mean a? (there are a, blue)',
    ])
    const [code, text] = await run('reset', '--all')
    assert.deepEqual([code, text], [0, 'upstream app: server blue: name blue → b'])
    assert.deepEqual(await run('reset', '--all'), [0, 'nothing was changed at run time'])
  })

  test('are refused where they make no sense, and change nothing', async (t) => {
    const { a, b } = await namedOrigins(t, 'a', 'b')
    const limpet = await running(t, configOf({ a, b }))
    const { run } = limpet
    const before = await serversOf(limpet)
    for (const [args, complaint] of [
      [['rename', 'app/b', 'a'], /name/],
      [['add', 'app/b', '--address', a.address], /app\/b is there already, with address/],
      [['add', 'nowhere/c', '--address', a.address], /there is no upstream nowhere.*app/],
      [['maintenance', 'app/d'], /upstream app has no server d.*there are a, b/],
    ] as const) {
      const [code, text] = await run(...args)
      assert.equal(code, 1, text)
      assert.match(text, complaint)
    }
    assert.deepEqual(await serversOf(limpet), before)
  })

  test('leave the last server alone without --force', async (t) => {
    const { a } = await namedOrigins(t, 'a')
    const limpet = await running(t, configOf({ a }))
    for (const verb of ['maintenance', 'drain', 'remove']) {
      const [code, text] = await limpet.run(verb, 'app/a')
      assert.equal(code, 1)
      assert.match(text, /--force does it anyway/)
    }
    const [code] = await limpet.run('maintenance', 'app/a', '--force')
    assert.equal(code, 0)
    assert.equal((await new User().get(limpet.limpet.port)).status, 503)
  })
})

describe('commands find the running Limpet', () => {
  test('by its configuration, on the socket of its instance', async (t) => {
    const { a, b } = await namedOrigins(t, 'a', 'b')
    const file = await configFile(t, configOf({ a, b }).replace('workers:', 'instance: shop\n  workers:'))
    const env = { STATE_DIRECTORY: dirname(file), RUNTIME_DIRECTORY: dirname(file) }
    await startLimpet(t, undefined, { flags: ['-c', file], env })
    const { code, stdout } = await runLimpet(['weight', 'app/b', '5', '-c', file], env)
    assert.deepEqual([code, stdout], [0, 'upstream app: server b: weight 1 → 5'])
    const other = await runLimpet(['weight', 'app/b', '5', '-c', file, '--instance', 'other'], env)
    assert.equal(other.code, 1)
    assert.match(other.stderr, /no admin API answers at unix:\S+admin-other\.sock \(ENOENT\)/)
  })

  test('on the socket that it has, although the edited file names another instance', async (t) => {
    const { a, b } = await namedOrigins(t, 'a', 'b')
    const [port, added, foreign] = [await freePort(), await freePort(), await freePort()]
    const config = (...ports: number[]) => `
      listeners: [${ports.map((each) => `{ address: 127.0.0.1, port: ${each} }`).join(', ')}]
      workers: 1
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [{ name: a, address: "${a.address}" }, { name: b, address: "${b.address}" }] } }
    `
    const file = await configFile(t, config(port))
    const env = { STATE_DIRECTORY: dirname(file), RUNTIME_DIRECTORY: dirname(file) }
    await startLimpet(t, undefined, { flags: ['-c', file], env })

    await writeFile(file, config(port, added))
    const reloaded = await runLimpet(['reload', '-c', file], env)
    assert.deepEqual([reloaded.code, reloaded.stdout], [0, `listener 127.0.0.1:${added} added`])
    await writeFile(file, `${config(port)}\ninstance: shop\n`.replace(/^ {6}/gm, ''))
    const refused = await runLimpet(['reload', '-c', file], env)
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /^limpet: instance: cannot change while Limpet is running/)

    // A configuration of another Limpet finds nothing.
    await writeFile(file, config(foreign))
    assert.match((await runLimpet(['status', '-c', file], env)).stderr, /no admin API answers/)
    // An edited file that is not valid leaves a way.
    await writeFile(file, 'wrokers: 1')
    assert.match((await runLimpet(['status', '-c', file], env)).stderr, /wrokers: unknown key.*\n.*\n\(--socket PATH/)
  })

  test('on a port, where changes need the token of its state directory', async (t) => {
    const { a, b } = await namedOrigins(t, 'a', 'b')
    const STATE_DIRECTORY = await temporaryFolder(t)
    const limpet = await startLimpet(t, configOf({ a, b }).replace('workers:', 'admin: { port: 0 }\n  workers:'), {
      env: { STATE_DIRECTORY },
    })
    const args = ['--url', await adminUrlOf(limpet)]
    const own = await runLimpet(['weight', 'app/b', '5', ...args], { STATE_DIRECTORY })
    assert.deepEqual([own.code, own.stdout], [0, 'upstream app: server b: weight 1 → 5'])
    const elsewhere = { STATE_DIRECTORY: await temporaryFolder(t) }
    const refused = await runLimpet(['weight', 'app/b', '6', ...args], elsewhere)
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /this needs a token/)
    const read = await runLimpet(['status', ...args], elsewhere)
    assert.match(read.stdout, /app\/b: weight 5; the file says 1/)
  })
})

describe('limpet drain --wait', () => {
  test('ends with 0 once the last session has ended', async (t) => {
    const { a, b } = await namedOrigins(t, 'a', 'b')
    const limpet = await running(t, configOf({ a, b }, 'affinity: { type: cookie, idle: 2s }'))
    const users = await settledUsers(limpet.limpet, 4)
    const [code, text] = await limpet.run('drain', 'app/b', '--wait', '--deadline', '1h')
    assert.equal(code, 0, text)
    assert.match(text, /^app\/b: empty after \d+ s$/)
    const [again, textAgain] = await limpet.run('drain', 'app/b', '--wait')
    assert.equal(again, 0, textAgain)
    for (const user of users.keys()) assert.match((await user.get(limpet.limpet.port)).body, /^a /)
  })

  test('is not needed to see how many sessions are left', async (t) => {
    const { a, b } = await namedOrigins(t, 'a', 'b')
    const limpet = await running(t, configOf({ a, b }, 'affinity: cookie'))
    await settledUsers(limpet.limpet, 4)
    const [code, text] = await limpet.run('drain', 'app/b')
    assert.equal(code, 0)
    assert.match(
      text,
      /^app\/b: 2 sessions left \(0 active\), 0 requests and 0 WebSockets in flight,.* deadline in 10 min$/,
    )
  })

  test('ends with 1 if the deadline cut, and the sessions that were left are moved', async (t) => {
    const { a, b } = await namedOrigins(t, 'a', 'b')
    const limpet = await running(t, configOf({ a, b }, 'affinity: cookie'))
    const users = await settledUsers(limpet.limpet, 4)
    const [code, text] = await limpet.run('drain', 'app/b', '--wait', '--deadline', '1s', '--then', 'move')
    assert.equal(code, 1, text)
    assert.match(text, /^app\/b: cut by its deadline after \d s, 2 sessions moved$/)
    for (const user of users.keys()) assert.match((await user.get(limpet.limpet.port)).body, /^a /)
    assert.deepEqual(await limpet.run('ready', 'app/b').then(([ready]) => ready), 0)
  })
})

test('limpet pause lets requests wait until limpet resume', async (t) => {
  const { a } = await namedOrigins(t, 'a')
  const limpet = await running(t, configOf({ a }))
  const [code, text] = await limpet.run('pause', 'app', '--max', '10m')
  assert.equal(code, 0)
  assert.match(text, /^upstream app: paused until \S+ \((?:10 min|9 min \d+ s)\)$/)
  const client = await RawClient.connect(t, limpet.limpet.port)
  client.get('/')
  assert.match((await limpet.run('status'))[1], /! paused, for .* at most: new requests wait/)
  assert.equal(client.heard, '')
  assert.deepEqual(await limpet.run('resume', 'app'), [0, 'upstream app: resumed'])
  await client.hear(/a -$/)
  assert.deepEqual(await limpet.run('resume', 'app'), [0, 'upstream app: it was not paused'])
})

test('requests that waited for limpet resume in several workers go to the servers in exact turns', async (t) => {
  const { a, b } = await namedOrigins(t, 'a', 'b')
  const limpet = await running(t, configOf({ a, b }))
  await limpet.run('pause', 'app', '--max', '10m')
  const clients = await Promise.all(Array.from({ length: 40 }, () => RawClient.connect(t, limpet.limpet.port)))
  for (const client of clients) client.get('/')
  await limpet.run('resume', 'app')
  const answers = await Promise.all(clients.map((client) => client.hear(/[ab] -$/)))
  assert.equal(answers.filter((answer) => answer.endsWith('a -')).length, 20)
})

test('a pause that is set again has another end, and is gone from the status when its time is over', async (t) => {
  const { a } = await namedOrigins(t, 'a')
  const limpet = await running(t, configOf({ a }))
  await limpet.run('pause', 'app', '--max', '1h')
  const client = await RawClient.connect(t, limpet.limpet.port)
  client.get('/')
  await limpet.run('pause', 'app', '--max', '1s')
  await client.hear(/a -$/)
  await limpet.limpet.errors.find(/the time of the pause is over\): upstream app: resumed/)
  const { status, upstreams } = JSON.parse((await limpet.run('status', '--json'))[1])
  assert.deepEqual([status.changes, upstreams[0].pause], [[], null])
})

test('limpet reload applies the changed file, or prints all that is wrong in it', async (t) => {
  const { a, b } = await namedOrigins(t, 'a', 'b')
  const file = await configFile(t, configOf({ a }))
  const limpet = await commandsFor(await startLimpet(t, undefined, { flags: ['-c', file] }))
  assert.deepEqual(await limpet.run('reload'), [0, 'nothing has changed'])
  await writeFile(file, configOf({ a, b }))
  assert.deepEqual(await limpet.run('reload'), [0, 'upstream app: server b added'])
  await writeFile(file, configOf({ a, b }).replace('workers: 2', 'wrokers: 2').replace('path: /*', 'path: nowhere'))
  const [code, text] = await limpet.run('reload')
  assert.equal(code, 1)
  assert.match(text, /wrokers[\s\S]*did you mean workers/)
  assert.match(text, /nowhere/)
  assert.equal((await new User().get(limpet.limpet.port)).status, 200)
})

test('limpet config export prints a file that has what was changed at run time', async (t) => {
  const { a, b } = await namedOrigins(t, 'a', 'b')
  const limpet = await running(t, configOf({ a }))
  await limpet.run('add', 'app/b', '--address', b.address)
  await limpet.run('weight', 'app/a', '7')
  const [code, text] = await limpet.run('config', 'export')
  assert.equal(code, 0)
  const checked = await runLimpet(['check', '-c', await configFile(t, text)])
  assert.equal(checked.code, 0, checked.stderr)
  for (const part of [b.address, 'weight: 7']) assert.ok(checked.stdout.includes(part), part)
})

test('limpet events prints what other commands do', async (t) => {
  const { a, b } = await namedOrigins(t, 'a', 'b')
  const limpet = await running(t, configOf({ a, b }))
  const child = spawn(process.execPath, [LIMPET, 'events', '--json', '--since', '0', '--socket', limpet.socket], {
    cwd: tmpdir(),
  })
  t.after(() => child.kill('SIGKILL'))
  const lines = new Lines(child.stdout)
  await limpet.run('weight', 'app/a', '7')
  const [line] = await lines.matching(/"applied"/, 1)
  const { type, changes, id } = JSON.parse(line!)
  assert.deepEqual([type, changes], ['applied', ['upstream app: server a: weight 1 → 7']])
  assert.match(id, /^\d+$/)
})

describe('limpet replace', () => {
  test('puts another server in the place of one, and loses no request and no session', async (t) => {
    const { a, b, c } = await namedOrigins(t, 'a', 'b', 'c')
    const limpet = await running(t, configOf({ a, b }, 'affinity: { type: cookie, idle: 4s }'))
    const users = await settledUsers(limpet.limpet, 8)
    let isOver = false
    const replaced = limpet
      .run('replace', 'app/b', '--address', c.address, '--deadline', '1s', '--json')
      .finally(() => (isOver = true))
    while (!isOver) for (const user of users.keys()) assert.equal((await user.get(limpet.limpet.port)).status, 200)
    const [code, text] = await replaced
    assert.equal(code, 0, text)
    const { server, address, before, drain } = JSON.parse(text)
    assert.deepEqual([server, address, before, drain.state], ['app/b', c.address, b.address, 'cut'])
    assert.deepEqual(await serversOf(limpet), { a: `${a.address} 1 ready`, b: `${c.address} 1 ready` })
    for (const [user, own] of users) {
      const { body } = await user.get(limpet.limpet.port)
      if (own === 'a') assert.match(body, /^a /)
    }
    const again = await limpet.run('replace', 'app/b', '--address', c.address)
    assert.deepEqual(again, [0, `app/b is at ${c.address} already`])
  })

  test('gives the successor another name, and keeps the settings', async (t) => {
    const { a, b, c } = await namedOrigins(t, 'a', 'b', 'c')
    const limpet = await running(t, configOf({ a, b }))
    await limpet.run('weight', 'app/b', '4')
    const [code, text] = await limpet.run('replace', 'app/b', '--address', c.address, '--as', 'blue', '--check', '/')
    assert.equal(code, 0, text)
    assert.match(text, new RegExp(`^app/blue: ${b.address} → ${c.address} \\(app/b: empty after \\d+ s\\)$`))
    assert.deepEqual(await serversOf(limpet), { a: `${a.address} 1 ready`, blue: `${c.address} 4 ready` })
  })

  test('changes nothing if the successor does not pass the check from here', async (t) => {
    const { a, b } = await namedOrigins(t, 'a', 'b')
    const ill = await httpOrigin(t, (_request, response) => response.writeHead(500).end())
    const limpet = await running(t, configOf({ a, b }))
    const before = await configNow(limpet)
    const args = ['replace', 'app/b', '--address', ill.address, '--check', '/healthz', '--timeout', '1s']
    const [code, text] = await limpet.run(...args)
    assert.equal(code, 1)
    assert.match(text, /is not healthy: \/healthz is answered with status 500; nothing was changed$/)
    assert.deepEqual(await configNow(limpet), before)
  })

  test("makes everything as it was if the successor does not pass Limpet's own checks", async (t) => {
    const { a, b } = await namedOrigins(t, 'a', 'b')
    const ill = await httpOrigin(t, ({ url }, response) => response.writeHead(url === '/up' ? 500 : 200).end('ill -'))
    const check = '{ type: http, path: /up, interval: 200ms, timeout: 200ms, rise: 1, fall: 1 }'
    const limpet = await running(t, configOf({ a, b }, `health: { check: ${check} }`))
    const before = await configNow(limpet)
    const [code, text] = await limpet.run('replace', 'app/b', '--address', ill.address, '--timeout', '3s')
    assert.equal(code, 1)
    assert.match(text, /is not healthy: .*; everything is as it was$/)
    assert.deepEqual(await configNow(limpet), before)
    assert.deepEqual(JSON.parse((await limpet.run('status', '--json'))[1]).status.changes, [])
  })

  test('makes everything as it was at Ctrl-C before the drain', async (t) => {
    const { a, b } = await namedOrigins(t, 'a', 'b')
    const check = '{ type: http, path: /, interval: 10s, timeout: 9s, initial: down }'
    const hanging = await httpOrigin(t, () => {})
    const limpet = await running(t, configOf({ a, b }, `health: { check: ${check} }`))
    const before = await configNow(limpet)
    const args = ['replace', 'app/b', '--address', hanging.address, '--timeout', '1m', '--socket', limpet.socket]
    const child = spawn(process.execPath, [LIMPET, ...args], { cwd: tmpdir() })
    t.after(() => child.kill('SIGKILL'))
    const exit = once(child, 'exit')
    const errors = new Lines(child.stderr)
    await limpet.limpet.errors.find(/server b.* added/)
    child.kill('SIGINT')
    assert.deepEqual(await exit, [1, null])
    await errors.find(/stopped; everything is as it was/)
    assert.deepEqual(await configNow(limpet), before)
  })
})

test('limpet upgrade replaces the process, while limpet drain --wait and limpet events go on', async (t) => {
  const { a, b } = await namedOrigins(t, 'a', 'b')
  const limpet = await running(t, configOf({ a, b }, 'affinity: { type: cookie, idle: 6s }'))
  await settledUsers(limpet.limpet, 2)
  const child = spawn(process.execPath, [LIMPET, 'events', '--since', '0', '--socket', limpet.socket], {
    cwd: tmpdir(),
  })
  t.after(() => child.kill('SIGKILL'))
  const lines = new Lines(child.stdout)
  const drained = limpet.run('drain', 'app/b', '--wait', '--deadline', '1h')
  await lines.find(/drain-started +app\/b/)
  const [code, text] = await limpet.run('upgrade')
  assert.equal(code, 0, text)
  const [, before, after] = /^upgraded: process (\d+) \(\S+\) → (\d+) \(\S+\)$/.exec(text)!
  t.after(() => {
    try {
      process.kill(Number(after), 'SIGKILL')
    } catch {
      // It has ended already.
    }
  })
  assert.equal(Number(before), limpet.limpet.process.pid)
  assert.equal(JSON.parse((await limpet.run('status', '--json'))[1]).status.pid, Number(after))
  assert.equal((await new User().get(limpet.limpet.port)).status, 200)
  const [end, ended] = await drained
  assert.equal(end, 0, ended)
  await lines.find(/drain-ended +app\/b: empty/)
})
