import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { type Program, STATIC, start } from './program.ts'

const publicFile = (name: string) => readFile(new URL(`../../demo/static/public/${name}`, import.meta.url), 'utf8')

const startStatic = (t: TestContext) => start(t, STATIC, 'static-1')

/** Sends exactly this target, which fetch would normalise. Returns the raw response. */
function exchange(program: Program, target: string, header = 'Accept: */*'): Promise<string> {
  const socket = connect(program.port, '127.0.0.1')
  socket.write(`GET ${target} HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n${header}\r\n\r\n`)
  return text(socket)
}

test('serves the page, to be revalidated each time', async (t) => {
  const { url } = await startStatic(t)
  for (const path of ['/', '/index.html', '/?from=bookmark']) {
    const page = await fetch(`${url}${path}`)
    assert.equal(page.status, 200)
    assert.equal(await page.text(), await publicFile('index.html'))
    assert.equal(page.headers.get('content-type'), 'text/html; charset=utf-8')
    assert.equal(page.headers.get('cache-control'), 'no-cache')
    assert.equal(page.headers.get('content-security-policy'), "default-src 'self'")
    assert.equal(page.headers.get('x-served-by'), 'static-1')
  }
})

test('serves the assets, to be cached for a minute', async (t) => {
  const { url } = await startStatic(t)
  const types = { 'app.js': /javascript/, 'style.css': /css/, 'favicon.svg': /svg/ }
  for (const [name, type] of Object.entries(types)) {
    const asset = await fetch(`${url}/${name}`)
    assert.equal(await asset.text(), await publicFile(name))
    assert.match(asset.headers.get('content-type')!, type)
    assert.equal(asset.headers.get('cache-control'), 'public, max-age=60')
  }
})

test('answers 304 to a client that has the file, by ETag and by date', async (t) => {
  const program = await startStatic(t)
  const { headers } = await fetch(`${program.url}/`, { method: 'HEAD' })
  const etag = headers.get('etag')!
  const conditions = [
    `If-None-Match: ${etag}`,
    `If-None-Match: "other", ${etag}`,
    `If-Modified-Since: ${headers.get('last-modified')}`,
  ]
  for (const condition of conditions) {
    const [head, body] = (await exchange(program, '/', condition)).split('\r\n\r\n')
    assert.match(head!, /^HTTP\/1\.1 304 Not Modified\r\n/, condition)
    assert.equal(body, '')
    for (const line of [`ETag: ${etag}`, 'Cache-Control: no-cache', 'X-Served-By: static-1']) {
      assert.ok(head!.split('\r\n').includes(line), line)
    }
  }
  assert.match(await exchange(program, '/', 'If-None-Match: "other"'), /^HTTP\/1\.1 200 OK\r\n/)
})

test('serves ranges', async (t) => {
  const { url } = await startStatic(t)
  const whole = Buffer.from(await publicFile('style.css'))
  const last = whole.length - 1
  const ranges: [range: string, first: number, last: number][] = [
    ['bytes=0-4', 0, 4],
    ['bytes=5-', 5, last],
    ['bytes=-3', last - 2, last],
    [`bytes=2-${last + 100}`, 2, last],
  ]
  for (const [range, first, last] of ranges) {
    const part = await fetch(`${url}/style.css`, { headers: { Range: range } })
    assert.equal(part.status, 206, range)
    assert.equal(part.headers.get('content-range'), `bytes ${first}-${last}/${whole.length}`)
    assert.deepEqual(Buffer.from(await part.arrayBuffer()), whole.subarray(first, last + 1))
    assert.equal(part.headers.get('x-served-by'), 'static-1')
  }
})

test('answers 416 to a range beyond the end', async (t) => {
  const { url } = await startStatic(t)
  const { length } = Buffer.from(await publicFile('style.css'))
  const answer = await fetch(`${url}/style.css`, { headers: { Range: `bytes=${length}-` } })
  assert.equal(answer.status, 416)
  assert.equal(answer.headers.get('content-range'), `bytes */${length}`)
  assert.equal(answer.headers.get('cache-control'), 'no-store')
  assert.equal(answer.headers.get('x-served-by'), 'static-1')
})

test('serves the whole file if the range is of an older version', async (t) => {
  const { url } = await startStatic(t)
  const answer = await fetch(`${url}/style.css`, { headers: { Range: 'bytes=0-4', 'If-Range': '"older"' } })
  assert.equal(answer.status, 200)
  assert.equal(await answer.text(), await publicFile('style.css'))
})

test('answers HEAD as GET, without the body', async (t) => {
  const program = await startStatic(t)
  const [get, head] = await Promise.all(['GET', 'HEAD'].map((method) => fetch(`${program.url}/`, { method })))
  assert.equal(await head!.text(), '')
  for (const name of ['content-length', 'content-type', 'etag', 'last-modified', 'cache-control', 'x-served-by']) {
    assert.equal(head!.headers.get(name), get!.headers.get(name), name)
  }
})

test('serves nothing from outside its folder', async (t) => {
  const program = await startStatic(t)
  const targets = [
    '/../main.ts',
    '/../../server.ts',
    '/./../main.ts',
    '/%2e%2e/main.ts',
    '/%2E%2E%2Fmain.ts',
    '/..%2fmain.ts',
    '/..%5cmain.ts',
    '/..\\main.ts',
    '/%252e%252e/main.ts',
    '/x/../../main.ts',
    '//../main.ts',
    '/....//main.ts',
    '/../../../../../../../../etc/passwd',
    '//etc/passwd',
    '/%00/../main.ts',
    '/index.html%00',
    '/%',
    '/%c0%ae%c0%ae/main.ts',
    'http://lab/../main.ts',
    'http://lab/%2e%2e/main.ts',
    'main.ts',
    '../main.ts',
  ]
  const secrets = /from 'node:path'|createServer|root:/
  for (const target of targets) {
    const answer = await exchange(program, target)
    assert.match(answer, /^HTTP\/1\.1 40[034] /, target)
    assert.doesNotMatch(answer, secrets, target)
  }
})

test('accepts a target in absolute form', async (t) => {
  const program = await startStatic(t)
  for (const target of ['http://lab/', 'http://lab', 'HTTP://lab:80/?query', 'http://lab/healthz']) {
    assert.match(await exchange(program, target), /^HTTP\/1\.1 200 /, target)
  }
})

test('offers GET and HEAD only', async (t) => {
  const { url } = await startStatic(t)
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
    const answer = await fetch(`${url}/`, { method })
    assert.equal(answer.status, 405)
    assert.equal(answer.headers.get('allow'), 'GET, HEAD')
    assert.equal(answer.headers.get('x-served-by'), 'static-1')
  }
})

test('answers 404 with its own name if it does not have the file', async (t) => {
  const { url } = await startStatic(t)
  const answer = await fetch(`${url}/api/student`)
  assert.equal(answer.status, 404)
  assert.equal(await answer.text(), 'Not Found\n')
  assert.equal(answer.headers.get('x-served-by'), 'static-1')
})
