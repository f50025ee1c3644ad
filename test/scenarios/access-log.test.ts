/** The access log: one line for each request, which no client can forge. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { watch } from 'node:fs'
import { readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { freePort } from '../../bench/free-port.ts'
import { temporaryFolder } from '../support/folder.ts'
import { configFile, runLimpet, startLimpet } from '../support/limpet.ts'
import { httpOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { ScriptedOrigin } from '../support/scripted-origin.ts'
import { throughTo } from '../support/through.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

test('the access log shows the request, its client, and the outcome', async (t) => {
  const { limpet, origin, client } = await throughTo(t)
  client.say('GET /a?b=c HTTP/1.1\r\nHost: a\r\nReferer: http://b/\r\nUser-Agent: test/1\r\n\r\n')
  await origin.request()
  origin.say(OK)
  const [line] = await limpet.log.matching(/./, 1)
  const time = String.raw`\[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]`
  const expected = `^127\\.0\\.0\\.1 - - ${time} "GET /a\\?b=c HTTP/1\\.1" 200 2 "http://b/" "test/1" ${origin.address} 200 \\d+\\.\\d{3} new$`
  assert.match(line!, new RegExp(expected))
})

test('the access log cannot be forged by what a client sends', async (t) => {
  const { limpet, origin, client } = await throughTo(t)
  client.say('GET /" HTTP/1.1\r\nHost: a\r\nUser-Agent: x" 200\t\\ \xff\r\n\r\n')
  await origin.request()
  origin.say(OK)
  const [line] = await limpet.log.matching(/./, 1)
  assert.ok(line!.includes(String.raw`"GET /\x22 HTTP/1.1" 200 2 "-" "x\x22 200\x09\x5C \xFF" 127.0.0.1`), line!)
})

test('the access log shows what was not a request, escaped', async (t) => {
  const { limpet, client } = await throughTo(t)
  client.say('\x1b[31m"\x00\n\n')
  await limpet.log.find(/ "\\x1B\[31m\\x22\\x00" 400 \d+ "-" "-" - - \d\.\d{3} -$/)
})

test('the access log as JSON has the same and more, one object per line', async (t) => {
  const origin = await ScriptedOrigin.start(t)
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    accessLog: json
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { servers: [${origin.address}] } }
  `
  const limpet = await startLimpet(t, config)
  const client = await RawClient.connect(t, limpet.port)
  client.say('GET /%61?b=c HTTP/1.1\r\nHost: App.example:80\r\nUser-Agent: "quoted"\r\nX-Request-Id: mine\r\n\r\n')
  await origin.request()
  origin.say(OK)
  const [line] = await limpet.log.matching(/./, 1)
  const { time, seconds, ...rest } = JSON.parse(line!)
  assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000)
  assert.equal(typeof seconds, 'number')
  assert.deepEqual(rest, {
    client: '127.0.0.1',
    host: 'App.example:80',
    request: 'GET /%61?b=c HTTP/1.1',
    method: 'GET',
    path: '/%61',
    query: 'b=c',
    protocol: 'HTTP/1.1',
    status: 200,
    bytes: 2,
    userAgent: '"quoted"',
    upstreamName: 'app',
    server: [origin.address],
    upstream: [origin.address],
    upstreamStatus: [200],
    reason: 'new',
    requestId: 'mine',
  })
})

const oddRequests: Record<string, [request: string, logged: object]> = {
  'no query': ['GET / HTTP/1.1\nHost: a\n\n', { host: 'a', method: 'GET', path: '/', protocol: 'HTTP/1.1' }],
  'an empty query': [
    'GET /? HTTP/1.1\nHost: a\n\n',
    { host: 'a', method: 'GET', path: '/', query: '', protocol: 'HTTP/1.1' },
  ],
  'an absolute target': [
    'POST http://other:1/b?c? HTTP/1.1\nHost: a\nContent-Length: 0\n\n',
    { host: 'other:1', method: 'POST', path: '/b', query: 'c?', protocol: 'HTTP/1.1' },
  ],
  'no host': ['PROPFIND /b HTTP/1.0\n\n', { method: 'PROPFIND', path: '/b', protocol: 'HTTP/1.0' }],
  'an asterisk': [
    'OPTIONS * HTTP/1.1\nHost: [::1]:80\n\n',
    { host: '[::1]:80', method: 'OPTIONS', path: '*', protocol: 'HTTP/1.1' },
  ],
  'not a request': ['GET\t/b?c HTTP/1.1\nHost: a\n\n', {}],
}

test('the access log as JSON has the parts that a request has', async (t) => {
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    accessLog: json
    routes: [{ path: /not-requested, upstream: app }]
    upstreams: { app: { servers: [127.0.0.1:1] } }
  `
  const limpet = await startLimpet(t, config)
  for (const [index, [request]] of Object.values(oddRequests).entries()) {
    const client = await RawClient.connect(t, limpet.port)
    client.say(request.replaceAll('\n', '\r\n'))
    await limpet.log.matching(/./, index + 1)
  }
  assert.equal(limpet.log.all.length, Object.keys(oddRequests).length)
  for (const [index, line] of limpet.log.all.entries()) {
    const { host, method, path, query, protocol, upstreamName, server } = JSON.parse(line)
    const [, expected] = Object.values(oddRequests)[index]!
    const given = { host, method, path, query, protocol }
    assert.deepEqual(JSON.parse(JSON.stringify(given)), expected, Object.keys(oddRequests)[index]!)
    assert.deepEqual({ upstreamName, server }, { upstreamName: undefined, server: [] })
  }
})

test('the access log as vhost has the host first, and the names of upstream and server', async (t) => {
  const { address } = await httpOrigin(t, (_, response) => response.end('ok'))
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    accessLog: vhost
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { servers: [{ name: app-1, address: ${address} }] } }
  `
  const limpet = await startLimpet(t, config)
  const client = await RawClient.connect(t, limpet.port)
  client.say('GET /a HTTP/1.1\r\nHost: App.example:80\r\nUser-Agent: test/1\r\n\r\n')
  await limpet.log.find(
    new RegExp(
      String.raw`^App\.example:80 127\.0\.0\.1 - - \[[^\]]+\] "GET /a HTTP/1\.1" 200 2 "-" "test/1" app app-1 ${address} 200 \d\.\d{3} new$`,
    ),
  )
  client.say('GET /.. HTTP/1.0\r\n\r\n')
  await limpet.log.find(/^- 127\.0\.0\.1 - - \[[^\]]+\] "GET \/\.\. HTTP\/1\.0" 400 \d+ "-" "-" - - - - \d\.\d{3} -$/)
})

test('the access log names every server that a request was sent to', async (t) => {
  const origin = await httpOrigin(t, (_, response) => response.end('ok'))
  const closedPort = await freePort()
  const config = (format: string) => `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    accessLog: ${format}
    routes: [{ path: /*, upstream: app }]
    upstreams:
      app:
        servers:
          - { name: first, address: 127.0.0.1:${closedPort} }
          - { name: second, address: ${origin.address} }
  `
  const ask = async (format: string) => {
    const limpet = await startLimpet(t, config(format))
    await fetch(limpet.url, { headers: { connection: 'close' } })
    return (await limpet.log.matching(/./, 1))[0]!
  }
  const { server, upstream, upstreamStatus } = JSON.parse(await ask('json'))
  assert.deepEqual({ server, upstreamStatus }, { server: ['first', 'second'], upstreamStatus: [502, 200] })
  assert.equal(upstream.length, 2)
  assert.match(await ask('vhost'), / app first, second 127\.0\.0\.1:\d+, 127\.0\.0\.1:\d+ 502, 200 \d\.\d{3} retry$/)
})

const SECRETS =
  'GET /a;sid=SECRET/b?c=d&Tok%65n=SECRET&e HTTP/1.1\r\nHost: a\r\nReferer: http://b/?token=SECRET&f\r\nUser-Agent: g?token=kept\r\n'

for (const format of ['combined', 'vhost', 'json']) {
  test(`the access log has no value of a parameter that is to be redacted, as ${format}`, async (t) => {
    const origin = await httpOrigin(t, (_, response) => response.end('ok'))
    const config = `
      listeners: [{ address: 127.0.0.1, port: 0 }]
      workers: 1
      accessLog: { format: ${format}, redact: [token, sid] }
      routes: [{ path: /*, upstream: app }]
      upstreams: { app: { servers: [${origin.address}] } }
    `
    const limpet = await startLimpet(t, config)
    const client = await RawClient.connect(t, limpet.port)
    client.say(`${SECRETS}\r\n`)
    await client.take(/ok$/)
    // Refused: no Host, a space too many, another version, a control character.
    const refused = [
      'GET /?token=SECRET HTTP/1.1\r\n\r\n',
      'GET /?token=SECRET SECRET HTTP/1.1\r\n\r\n',
      'GET /?token=SECRET HTTP/3.0\r\nHost: a\r\n\r\n',
      'GET /?token=SECRET\x01SECRET\r\n\r\n',
      `GET /?${'token=SECRET&'.repeat(3000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
    ]
    for (const request of refused) {
      const client = await RawClient.connect(t, limpet.port)
      client.say(request)
      await client.goodbye()
    }
    const lines = await limpet.log.matching(/./, 1 + refused.length)
    assert.equal(lines.length, 1 + refused.length)
    for (const line of lines) assert.doesNotMatch(line, /SECRET/)
    const [first] = lines
    if (format === 'json') {
      const { request, path, query, referer, userAgent } = JSON.parse(first!)
      assert.deepEqual(
        { request, path, query, referer, userAgent },
        {
          request: 'GET /a;sid=***/b?c=d&Tok%65n=***&e HTTP/1.1',
          path: '/a;sid=***/b',
          query: 'c=d&Tok%65n=***&e',
          referer: 'http://b/?token=***&f',
          userAgent: 'g?token=kept',
        },
      )
    } else {
      const quoted = '"GET /a;sid=***/b?c=d&Tok%65n=***&e HTTP/1.1" 200 2 "http://b/?token=***&f" "g?token=kept" '
      assert.ok(first!.includes(quoted), first!)
    }
  })
}

test('the access log without anything to redact has every value', async (t) => {
  const { limpet, origin, client } = await throughTo(t)
  client.say(`${SECRETS}\r\n`)
  await origin.request()
  origin.say(OK)
  const [line] = await limpet.log.matching(/./, 1)
  assert.equal(line!.match(/SECRET/g)?.length, 3)
})

test('the access log in a file is reopened on USR1, and loses no line', async (t) => {
  const folder = await temporaryFolder(t)
  const file = join(folder, 'access.log')
  const origin = await httpOrigin(t, (_, response) => response.end('ok'))
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    accessLog: { file: ${file} }
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { servers: [${origin.address}] } }
  `
  const limpet = await startLimpet(t, config)
  const client = await RawClient.connect(t, limpet.port)
  const ask = async (path: string) => {
    client.say(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
    await client.take(/ok$/)
  }
  await ask('/one')
  await holds(file, '/one')
  await rename(file, `${file}.1`)
  limpet.process.kill('SIGUSR1')
  await exists(folder, 'access.log')
  await ask('/two')
  await holds(file, '/two')
  assert.match(await readFile(`${file}.1`, 'utf8'), /^[^\n]*\/one[^\n]*\n$/)
  assert.match(await readFile(file, 'utf8'), /^[^\n]*\/two[^\n]*\n$/)
})

test('the access log in a file that cannot be opened names the key, and the fix', async (t) => {
  const folder = await temporaryFolder(t)
  const config = (file: string) => `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    accessLog: { file: ${file} }
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { servers: [127.0.0.1:1] } }
  `
  const refusal = async (file: string) => {
    const { code, stderr } = await runLimpet(['run', '-c', await configFile(t, config(file))])
    return [code, stderr]
  }
  assert.deepEqual(await refusal(folder), [
    1,
    `accessLog.file: cannot open ${folder}: illegal operation on a directory (write the path of a file, such as ${folder}/access.log)\n1 problem in the configuration`,
  ])
  assert.deepEqual(await refusal(join(folder, 'logs/access.log')), [
    1,
    `accessLog.file: cannot open ${folder}/logs/access.log: no such file or directory (make the directory ${folder}/logs)\n1 problem in the configuration`,
  ])
})

test('the access log can be off', async (t) => {
  const origin = await httpOrigin(t, (_, response) => response.end('ok'))
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    accessLog: off
    routes: [{ path: /*, upstream: app }]
    upstreams: { app: { servers: [${origin.address}] } }
  `
  const limpet = await startLimpet(t, config)
  const client = await RawClient.connect(t, limpet.port)
  client.say('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  await client.goodbye()
  limpet.process.kill('SIGTERM')
  await limpet.exit
  assert.deepEqual(limpet.log.all, [])
})

/** Resolves once `text` stands in the file. */
async function holds(file: string, text: string): Promise<void> {
  const watcher = watch(file)
  try {
    while (!(await readFile(file, 'utf8')).includes(text)) await once(watcher, 'change')
  } finally {
    watcher.close()
  }
}

/** Resolves once there is a file of that name in the folder. */
async function exists(folder: string, name: string): Promise<void> {
  const watcher = watch(folder)
  try {
    while (
      await readFile(join(folder, name)).then(
        () => false,
        () => true,
      )
    )
      await once(watcher, 'change')
  } finally {
    watcher.close()
  }
}
