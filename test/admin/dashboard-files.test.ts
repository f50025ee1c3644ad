/** The dashboard's files, as the admin listener serves them. */
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { brotliCompressSync, brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib'
import { temporaryFolder } from '../support/folder.ts'
import { RawClient } from '../support/raw-client.ts'
import { onLoopback, served } from './served.ts'

const PAGE = '<!doctype html><title>Limpet</title><script type="module" src="./assets/index-1a2b.js"></script>'
const SCRIPT = 'console.log("limpet")'

async function built(t: TestContext): Promise<string> {
  const folder = join(await temporaryFolder(t), 'dist')
  await mkdir(join(folder, 'assets'), { recursive: true })
  const files = [
    ['index.html', PAGE],
    ['assets/index-1a2b.js', SCRIPT],
  ] as const
  for (const [name, content] of files) {
    await writeFile(join(folder, name), content)
    await writeFile(join(folder, `${name}.br`), brotliCompressSync(content))
    await writeFile(join(folder, `${name}.gz`), gzipSync(content))
  }
  await writeFile(join(folder, 'assets/font-3c4d.woff2'), 'font')
  await writeFile(join(folder, 'built-from'), 'a fingerprint')
  return folder
}

describe('the dashboard', () => {
  test('is at /, for everyone who may connect, and allows nothing of another origin', async (t) => {
    const nobody = { ...onLoopback, anyone: undefined }
    const { ask } = await served(t, { dashboard: await built(t), access: nobody })
    const { status, text, headers } = await ask('GET', '/')
    assert.deepEqual([status, text, headers['content-type']], [200, PAGE, 'text/html; charset=utf-8'])
    assert.equal(headers['x-content-type-options'], 'nosniff')
    assert.equal(headers['x-frame-options'], 'DENY')
    assert.equal(headers['referrer-policy'], 'no-referrer')
    const policy = headers['content-security-policy'] as string
    assert.match(policy, /^default-src 'none'; /)
    assert.match(policy, /frame-ancestors 'none'/)
    assert.doesNotMatch(policy, /unsafe|https?:|data:|\*/)
    assert.equal((await ask('GET', '/v1/status')).status, 401, 'what it shows is not for everyone')
  })

  test('travels compressed as it was built, in the best way that the browser takes', async (t) => {
    const { port } = await served(t, { dashboard: await built(t) })
    const table: [accepted: string | undefined, coding: string | null, decode: (bytes: Buffer) => Buffer][] = [
      ['gzip, deflate, br, zstd', 'br', brotliDecompressSync],
      ['br;q=0.1, gzip', 'br', brotliDecompressSync],
      ['gzip', 'gzip', gunzipSync],
      ['br;q=0, gzip', 'gzip', gunzipSync],
      ['BR', 'br', brotliDecompressSync],
      ['identity', null, (bytes) => bytes],
      ['broken', null, (bytes) => bytes],
      [undefined, null, (bytes) => bytes],
    ]
    for (const [accepted, coding, decode] of table) {
      const client = await RawClient.connect(t, port)
      const accept = accepted === undefined ? '' : `Accept-Encoding: ${accepted}\r\n`
      client.socket.setEncoding('latin1')
      client.say(`GET /assets/index-1a2b.js HTTP/1.1\r\nHost: localhost\r\n${accept}Connection: close\r\n\r\n`)
      const [head = '', body = ''] = (await client.goodbye()).split('\r\n\r\n')
      assert.equal(/^content-encoding: (.*)$/im.exec(head)?.[1] ?? null, coding, `${accepted}`)
      assert.match(head, /^vary: Accept-Encoding$/im)
      assert.equal(decode(Buffer.from(body, 'latin1')).toString(), SCRIPT, `${accepted}`)
    }
  })

  test('is not sent again to a browser that has it; each coding has a tag of its own', async (t) => {
    const { ask } = await served(t, { dashboard: await built(t) })
    const tags = new Set<string>()
    for (const coding of ['br', 'gzip', 'identity']) {
      const headers = { 'Accept-Encoding': coding }
      const { headers: first } = await ask('GET', '/', { headers })
      tags.add(first.etag!)
      const again = await ask('GET', '/', { headers: { ...headers, 'If-None-Match': `"other", W/${first.etag}` } })
      assert.deepEqual([again.status, again.text, again.headers.etag], [304, '', first.etag])
      const other = await ask('GET', '/', { headers: { ...headers, 'If-None-Match': '"other"' } })
      assert.equal(other.status, 200)
    }
    assert.equal(tags.size, 3)
  })

  test('is asked for each time, but what its name changes with is kept', async (t) => {
    const { ask } = await served(t, { dashboard: await built(t) })
    assert.equal((await ask('GET', '/')).headers['cache-control'], 'no-cache')
    const script = await ask('GET', '/assets/index-1a2b.js')
    assert.equal(script.headers['cache-control'], 'public, max-age=31536000, immutable')
    assert.equal(script.headers['content-type'], 'text/javascript; charset=utf-8')
    assert.equal((await ask('GET', '/assets/font-3c4d.woff2')).headers['content-type'], 'font/woff2')
  })

  test('is answered to HEAD without a body, and to no other method', async (t) => {
    const { ask } = await served(t, { dashboard: await built(t) })
    assert.deepEqual([(await ask('HEAD', '/')).status, (await ask('HEAD', '/')).text], [200, ''])
    for (const method of ['POST', 'PUT', 'DELETE']) assert.equal((await ask(method, '/')).status, 404, method)
  })

  test('has no other file than its own', async (t) => {
    const { ask } = await served(t, { dashboard: await built(t) })
    const paths = [
      '/built-from',
      '/index.html.br',
      '/assets/',
      '/assets/none.js',
      '/assets/../../secret',
      '/assets/%2e%2e/%2e%2e/etc/passwd',
      '/..%2fbuilt-from',
      '//index.html',
      '/__proto__',
    ]
    for (const path of paths) assert.equal((await ask('GET', path)).status, 404, path)
  })

  test('can be linked to from another page, which still cannot ask the API', async (t) => {
    const { ask } = await served(t, { dashboard: await built(t) })
    const headers = { 'Sec-Fetch-Site': 'same-site', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document' }
    assert.equal((await ask('GET', '/', { headers })).status, 200)
    assert.equal((await ask('GET', '/v1/status', { headers })).status, 403)
  })

  test('is no part of another page: no script, no frame, no fetch', async (t) => {
    const { ask } = await served(t, { dashboard: await built(t) })
    const foreign = [
      { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Dest': 'script' },
      { 'Sec-Fetch-Site': 'same-site', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'iframe' },
      { Origin: 'http://evil.example', 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'cors' },
    ]
    for (const headers of foreign) {
      for (const path of ['/', '/assets/index-1a2b.js', '/sign-in?code=x']) {
        assert.equal((await ask('GET', path, { headers })).status, 403, path)
      }
    }
  })

  test('is not served under a name that leads here (DNS rebinding)', async (t) => {
    const { ask } = await served(t, { dashboard: await built(t) })
    for (const path of ['/', '/assets/index-1a2b.js', '/sign-in?code=x']) {
      assert.equal((await ask('GET', path, { headers: { Host: 'evil.example' } })).status, 403, path)
    }
  })

  test('that is not built says how to build it; once it is, it is served', async (t) => {
    const folder = join(await temporaryFolder(t), 'dist')
    const { ask } = await served(t, { dashboard: folder })
    const { status, text, headers } = await ask('GET', '/')
    assert.equal(status, 503)
    assert.match(headers['content-type']!, /^text\/html/)
    assert.match(text, /npm run dashboard/)
    assert.doesNotMatch(headers['content-security-policy'] as string, /unsafe/)
    await mkdir(folder)
    await writeFile(join(folder, 'index.html'), PAGE)
    assert.equal((await ask('GET', '/')).text, PAGE)
  })
})
