/** Each difference that docs/nginx.md lists, seen on both programs. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { startLimpet } from '../support/limpet.ts'
import { rawOrigin } from '../support/origin.ts'
import { RawClient } from '../support/raw-client.ts'
import { startNginx, testWithNginx } from './nginx.ts'

interface Difference {
  /** What the client sends; its line ends are CRLF unless it has some of its own. */
  readonly request: string
  /** What stands in the answer, to which a server adds the head that it got. */
  readonly limpet: RegExp
  readonly nginx: RegExp
}

const HOST = 'Host: localhost\n'

const differences: Record<string, Difference> = {
  'a header that `Connection` names': {
    request: `GET / HTTP/1.1\n${HOST}Connection: x-mine\nX-Mine: 1\n\n`,
    limpet: /^(?![\s\S]*x-mine)[\s\S]*got/i,
    nginx: /got[\s\S]*X-Mine: 1/i,
  },
  '`Expect: 100-continue`': {
    request: `PUT / HTTP/1.1\n${HOST}Expect: 100-continue\nContent-Length: 0\n\n`,
    limpet: /got[\s\S]*Expect: 100-continue/i,
    nginx: /^(?![\s\S]*Expect)[\s\S]*got/i,
  },
  'another `Expect`': {
    request: `PUT / HTTP/1.1\n${HOST}Expect: tea\nContent-Length: 0\n\n`,
    limpet: / 417 /,
    nginx: /^(?![\s\S]*Expect)[\s\S]*got/i,
  },
  'interim responses (103)': {
    request: `GET /hint HTTP/1.1\n${HOST}\n`,
    limpet: /^HTTP\/1.1 103 [\s\S]*Link: [\s\S]*HTTP\/1.1 200 /,
    nginx: /^HTTP\/1.1 103 Early Hints\r\nConnection: keep-alive\r\n/,
  },
  'a chunked body that arrives at once': {
    request: `POST / HTTP/1.1\n${HOST}Transfer-Encoding: chunked\n\n1\nx\n0\n\n`,
    limpet: /got[\s\S]*Transfer-Encoding: chunked/i,
    nginx: /got[\s\S]*Content-Length: 1/i,
  },
  'trailers, and `TE: trailers` that `Connection` names': {
    request: `POST / HTTP/1.1\n${HOST}Connection: TE\nTE: trailers\nTrailer: X-Sum\nTransfer-Encoding: chunked\n\n0\nX-Sum: 1\n\n`,
    limpet: /got[\s\S]*Trailer: X-Sum\r\nTE: trailers/,
    nginx: /^(?![\s\S]*X-Sum)(?![\s\S]*trailers)[\s\S]*got/,
  },
  'an empty `X-Forwarded-For`': {
    request: `GET / HTTP/1.1\n${HOST}X-Forwarded-For:\n\n`,
    limpet: /X-Forwarded-For: 127/,
    nginx: /X-Forwarded-For: , 127/,
  },
  'an `X-Forwarded-…` that hardly anybody knows': {
    request: `GET / HTTP/1.1\n${HOST}X-Forwarded-Tea: 1\nX-Forwarded-Prefix: /x\n\n`,
    limpet: /^(?![\s\S]*-Tea)(?![\s\S]*-Prefix)[\s\S]*got/,
    nginx: /^(?![\s\S]*-Prefix)[\s\S]*got[\s\S]*X-Forwarded-Tea: 1/,
  },
  'HTTP/1.0 without Host': {
    request: 'GET / HTTP/1.0\n\n',
    limpet: /got[\s\S]*Host: 127.0.0.1:\d+/,
    nginx: /got[\s\S]*Host: echo/,
  },
  'no server may serve': {
    request: `GET /down HTTP/1.1\n${HOST}\n`,
    limpet: / 503 [\s\S]*Retry-After: \d/,
    nginx: / 502 /,
  },
  'a server breaks off, methods such as PROPFIND': {
    request: `PROPFIND /breaks HTTP/1.1\n${HOST}\n`,
    limpet: / 502 /,
    nginx: / 200 /,
  },
  '`OPTIONS *`': { request: `OPTIONS * HTTP/1.1\n${HOST}\n`, limpet: /got OPTIONS \* /, nginx: / 400 / },
  'a segment such as `..;x` in the path, which is `..` to servlet containers': {
    request: `GET /a/..;x/b HTTP/1.1\n${HOST}\n`,
    limpet: / 400 [\s\S]*dots before a semicolon/,
    nginx: /got GET \/a\/\.\.;x\/b /,
  },
  '`TRACE`': { request: `TRACE / HTTP/1.1\n${HOST}\n`, limpet: /got TRACE /, nginx: / 405 / },
  'methods with small letters or digits': {
    request: `M2 / HTTP/1.1\n${HOST}\n`,
    limpet: /got M2 /,
    nginx: / 400 /,
  },
  'a method of more than 64 bytes': {
    request: `${'A'.repeat(65)} / HTTP/1.1\n${HOST}\n`,
    limpet: / 501 /,
    nginx: /got A+ /,
  },
  '`CONNECT`': { request: `CONNECT localhost:443 HTTP/1.1\n${HOST}\n`, limpet: / 501 /, nginx: / 400 / },
  'a `#` in the target': { request: `GET /a#b HTTP/1.1\n${HOST}\n`, limpet: / 400 /, nginx: /got GET \/a#b/ },
  'a byte above 127 in the target': {
    request: `GET /\xff HTTP/1.1\n${HOST}\n`,
    limpet: / 400 /,
    nginx: /got GET \/\xff /,
  },
  'an absolute target of another scheme': {
    request: `GET ftp://localhost/ HTTP/1.1\n${HOST}\n`,
    limpet: / 400 /,
    nginx: /got GET \/ /,
  },
  'an absolute target whose host has `_` or `%`': {
    request: `GET http://a_b/ HTTP/1.1\n${HOST}\n`,
    limpet: /got[\s\S]*Host: a_b/,
    nginx: / 400 /,
  },
  'a Host with an empty label': { request: 'GET / HTTP/1.1\nHost: a..b\n\n', limpet: /got/, nginx: / 400 / },
  'a Host that is no host': { request: 'GET / HTTP/1.1\nHost: u@h:x\n\n', limpet: / 400 /, nginx: /got/ },
  'HTTP/1.2 and above': { request: `GET / HTTP/1.2\n${HOST}\n`, limpet: / 505 /, nginx: /got/ },
  'HTTP/0.9': { request: 'GET /\n', limpet: / 400 /, nginx: /^got/ },
  'a line that ends without a carriage return': {
    request: `GET / HTTP/1.1\r\n${HOST}\r\n`,
    limpet: / 400 /,
    nginx: /got/,
  },
  'a header line without a colon': {
    request: `GET / HTTP/1.1\n${HOST}X\n\n`,
    limpet: / 400 /,
    nginx: /got[\s\S]*X: ?\r/,
  },
  'two spaces in the request line': { request: `GET  / HTTP/1.1\n${HOST}\n`, limpet: / 400 /, nginx: /got/ },
  'a head that is too large': {
    request: `GET / HTTP/1.1\n${HOST}X: ${'x'.repeat(33_000)}\n\n`,
    limpet: / 431 /,
    nginx: / 400 /,
  },
  'more than 100 headers': {
    request: `GET / HTTP/1.1\n${HOST}${'X: 1\n'.repeat(100)}\n`,
    limpet: / 431 /,
    nginx: /got/,
  },
  'a condition on `x-beta`, and a request with `X_Beta`': {
    request: `GET /beta HTTP/1.1\n${HOST}X_Beta: 1\n\n`,
    limpet: /got/,
    nginx: / 502 /,
  },
  'a condition on a header that comes twice': {
    request: `GET /beta HTTP/1.1\n${HOST}X-Beta: 1\nX-Beta: 2\n\n`,
    limpet: / 503 /,
    nginx: / 502 |got/,
  },
  'the text of error pages': {
    request: `GET /.. HTTP/1.1\n${HOST}\n`,
    limpet: / 400 [\s\S]*climbs above its root/,
    nginx: / 400 [\s\S]*<center>nginx/,
  },
}

test('docs/nginx.md lists the differences that are tested, and no others', async () => {
  const documentation = await readFile(new URL('../../docs/nginx.md', import.meta.url), 'utf8')
  const section = documentation.split('## Deliberate differences')[1]!
  const rows = [...section.matchAll(/^\| (.*?) \|/gm)].map(([, first]) => first).slice(1)
  assert.deepEqual(rows, Object.keys(differences))
})

testWithNginx('the deliberate differences', async (test) => {
  const folder = await mkdtemp(join(tmpdir(), 'limpet-differences-'))
  test.after(() => rm(folder, { recursive: true }))
  const file = join(folder, 'limpet.yaml')
  const echo = await rawOrigin(test, answerWithHead)
  const hinting = await rawOrigin(test, (socket) => {
    socket.on('data', () =>
      socket.end(
        'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n',
      ),
    )
  })
  const breaking = await rawOrigin(test, (socket) => socket.on('data', () => socket.destroy()))
  const config = `
    listeners: [{ address: 127.0.0.1, port: 0 }]
    workers: 1
    accessLog: { file: "\${ACCESS_LOG:-${folder}/limpet.log}" }
    routes:
      - { path: /*, upstream: echo }
      - { path: /down, upstream: down }
      - { path: /beta, headers: { x-beta: "1" }, upstream: down }
      - { path: /hint, upstream: hinting }
      - { path: /breaks, upstream: breaking }
    upstreams:
      echo: { servers: [${echo.address}] }
      down: { servers: [{ address: ${echo.address}, down: true }] }
      hinting: { servers: [${hinting.address}] }
      breaking: { servers: [{ address: ${breaking.address}, maxFails: 0 }, ${echo.address}] }
  `
  await writeFile(file, config)
  const nginx = await startNginx(test, file)
  const limpet = await startLimpet(test, undefined, { flags: ['-c', file] })
  for (const [name, difference] of Object.entries(differences)) {
    await test.test(name, async (test) => {
      await see(test, limpet.port, difference.request, difference.limpet)
      await see(test, nginx.port, difference.request, difference.nginx)
    })
  }
  await nginx.stop()
})

/** Sends a request, and waits for an answer in which `pattern` is found. */
async function see(test: TestContext, port: number, request: string, pattern: RegExp): Promise<void> {
  const client = await RawClient.connect(test, port)
  client.say(request.includes('\r') ? request : request.replaceAll('\n', '\r\n'))
  const heard = await client.hear(/got[\s\S]*\r\n\r\n|<\/html>|HTTP\/1.1 200 [\s\S]*\r\n\r\n|103 [\s\S]*\r\n\r\n/)
  if (!pattern.test(heard)) await client.hear(pattern)
}

/** Answers with the head that came, after the word `got`. */
function answerWithHead(socket: Socket): void {
  let heard = ''
  socket.setEncoding('latin1')
  socket.on('data', (piece: string) => {
    heard += piece
    const end = heard.indexOf('\r\n\r\n')
    if (end < 0) return
    const body = `got ${heard.slice(0, end)}\r\n\r\n`
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`, 'latin1')
    socket.end()
  })
}
