import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, get } from 'node:http'
import { type AddressInfo, connect, createServer } from 'node:net'
import { hostname } from 'node:os'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { DYNAMIC, run, STATIC, start } from './program.ts'

const HELD = fileURLToPath(new URL('held.ts', import.meta.url))

for (const [kind, path] of Object.entries({ static: STATIC, dynamic: DYNAMIC })) {
  test(`the ${kind} server reports its address and answers health checks`, async (t) => {
    const program = await start(t, path, `${kind}-1`)
    assert.equal(program.name, `${kind}-1`)

    const health = await fetch(`${program.url}/healthz`)
    assert.equal(health.status, 200)
    assert.equal(await health.text(), 'ok\n')
    assert.equal(health.headers.get('x-served-by'), `${kind}-1`)
    assert.equal((await fetch(`${program.url}/healthz`, { method: 'POST' })).status, 405)

    program.child.kill('SIGTERM')
    assert.equal(await program.exit, 0)
    assert.equal(
      await program.stdout,
      `${kind}-1 listens on http://127.0.0.1:${program.port}\n${kind}-1 stops: SIGTERM\n`,
    )
  })

  test(`the ${kind} server uses the host name if it has no name`, async (t) => {
    const program = await start(t, path, '')
    assert.equal(program.name, hostname())
  })

  test(`the ${kind} server stops when its parent exits`, async (t) => {
    const program = await start(t, path, 'orphan')
    program.child.disconnect()
    assert.equal(await program.exit, 0)
  })

  test(`the ${kind} server refuses a port that is taken with one clear message`, async (t) => {
    const holder = createServer().listen(0, '127.0.0.1')
    t.after(() => holder.close())
    await once(holder, 'listening')
    const { port } = holder.address() as AddressInfo
    assert.deepEqual(await run(path, { HOST: '127.0.0.1', PORT: String(port) }), {
      code: 1,
      stdout: '',
      stderr: `port ${port} on 127.0.0.1 is taken; set PORT to a free one (0 picks it)\n`,
    })
  })
}

for (const port of ['http', '65536', '-1', '8080 ', '1e3']) {
  test(`PORT=${JSON.stringify(port)} ends the start with one clear message`, async () => {
    assert.deepEqual(await run(STATIC, { PORT: port }), {
      code: 1,
      stdout: '',
      stderr: `PORT must be a number from 0 to 65535, not ${JSON.stringify(port)}; for example PORT=8080\n`,
    })
  })
}

test('a name that is not valid in a header ends the start with one clear message', async () => {
  assert.deepEqual(await run(STATIC, { SERVER_NAME: 'a\r\nX-Forged: 1', PORT: '0' }), {
    code: 1,
    stdout: '',
    stderr: 'SERVER_NAME goes into a header, so it must be printable ASCII\n',
  })
})

for (const path of ['/unbegun', '/begun']) {
  test(`TERM lets ${path.slice(1)} answers finish, accepts no more connections and exits with 0`, async (t) => {
    const program = await start(t, HELD, 'held')
    const agent = new Agent({ keepAlive: true })
    t.after(() => agent.destroy())
    const held = once(program.child, 'message')
    const request = get(`${program.url}${path}`, { agent })
    const answered = once(request, 'response')
    await held

    const idle = connect(program.port, '127.0.0.1')
    await once(idle, 'connect')
    // Either closed or, if it was not accepted yet, reset.
    const left = new Promise((resolve) =>
      idle
        .on('error', () => {})
        .resume()
        .once('close', resolve),
    )
    program.child.kill('SIGTERM')
    await left
    const [refusal] = await once(connect(program.port, '127.0.0.1'), 'error')
    // Reset if it arrived between the last closed connection and the end of listening.
    assert.match(refusal.code, /^ECONN(REFUSED|RESET)$/)

    program.child.send('finish')
    const [response] = await answered
    assert.equal(await text(response), 'whole')
    assert.equal(response.headers.connection, path === '/begun' ? 'keep-alive' : 'close')
    const began = performance.now()
    assert.equal(await program.exit, 0)
    assert.ok(performance.now() - began < 4_000, 'it did not wait for the kept-alive connection')
  })
}

test('TERM waits for a request whose head is still arriving', async (t) => {
  const program = await start(t, DYNAMIC, 'dynamic-1')
  const socket = connect(program.port, '127.0.0.1')
  socket.write('GET /api/student?count=1 HTTP/1.1\r\nHost: lab\r\n')
  // A response on a second connection shows that the bytes of the first one were read.
  await (await fetch(`${program.url}/healthz`)).text()
  const idle = connect(program.port, '127.0.0.1')
  await once(idle, 'connect')
  const left = once(idle.resume(), 'close')
  program.child.kill('SIGTERM')
  await left
  socket.write('\r\n')
  assert.match(await text(socket), /^HTTP\/1\.1 200 OK\r\n.*\r\nConnection: close\r\n.*"firstName"/s)
  assert.equal(await program.exit, 0)
})

test('a second signal ends the server at once', async (t) => {
  const program = await start(t, HELD, 'held')
  const held = once(program.child, 'message')
  const request = get(`${program.url}/unbegun`)
  const failed = once(request, 'error')
  await held
  const idle = connect(program.port, '127.0.0.1')
  await once(idle, 'connect')
  const left = once(idle.resume(), 'close')
  program.child.kill('SIGINT')
  await left
  program.child.kill('SIGINT')
  assert.equal(await program.exit, 1)
  await failed
})
