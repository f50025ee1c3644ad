/** docs/from-other-proxies.md: nginx accepts what it says of nginx, Limpet what it says of Limpet, and both mean the same directives. */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { parseConfig } from '../../src/config/file.ts'
import { filterNames } from '../../src/config/filter.ts'
import { exportNginx } from '../../src/export/nginx.ts'
import { complaintsOfNginx, testWithNginx } from '../nginx/nginx.ts'
import { temporaryFolder } from '../support/folder.ts'

const page = await readFile(new URL('../../docs/from-other-proxies.md', import.meta.url), 'utf8')

interface Row {
  /** What the other program has, as code. */
  readonly theirs: readonly string[]
  readonly ours: readonly string[]
}

function rowsOf(program: string): Row[] {
  const section = page.split(`\n## ${program}\n`)[1]!.split('\n## ')[0]!
  const lines = section.split('\n').filter((line) => line.startsWith('| '))
  const codeIn = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map(([, code]) => code!)
  return lines.slice(1).map((line) => {
    const [, theirs = '', ours = ''] = line.split('|')
    return { theirs: codeIn(theirs), ours: codeIn(ours) }
  })
}

/** The configuration with what a row says of Limpet; undefined for words in passing, such as the name of a setting elsewhere. */
function configWith(code: string) {
  const written = parse(code)
  const isRoute = code.startsWith('{')
  if (!isRoute && !(typeof written === 'object' && filterNames.includes(Object.keys(written)[0]!))) return undefined
  const config = {
    listeners: [{ port: 8080 }],
    accessLog: 'combined',
    routes: [{ path: '/*', upstream: 'app', ...(isRoute ? written : { filters: [written] }) }],
    upstreams: Object.fromEntries(['app', 'green', 'shadow'].map((name) => [name, { servers: ['10.0.0.1:8080'] }])),
  }
  return parseConfig(JSON.stringify(config), 'limpet.yaml', {})
}

for (const program of ['nginx', 'Traefik', 'Caddy']) {
  test(`Limpet accepts what stands beside the words of ${program}`, () => {
    const rows = rowsOf(program)
    assert.ok(rows.length >= 20)
    for (const { theirs, ours } of rows) assert.ok(configWith(ours[0]!), theirs.join())
  })
}

test('the export has the directives of nginx that a row names', () => {
  for (const { theirs, ours } of rowsOf('nginx')) {
    const exported = exportNginx(configWith(ours[0]!)!, '')
    for (const [, directive] of theirs[0]!.matchAll(/(?:^|[;{]) ?([a-z_]+) /g))
      assert.match(exported, new RegExp(`^ *${directive} `, 'm'), theirs.join())
  }
})

testWithNginx('nginx accepts what the page says of nginx', async (t) => {
  const all = rowsOf('nginx').map(({ theirs }) => theirs[0]!)
  const ofHttp = all.filter((code) => code.startsWith('split_clients'))
  const ofServers = all.filter((code) => code.startsWith('location'))
  const others = all.filter((code) => !ofHttp.includes(code) && !ofServers.includes(code))
  const locations = others.map((code, index) => `location /row-${index}/ { proxy_pass http://app; ${code} }`)
  const config = `
    events {}
    http {
      upstream app { server 127.0.0.1:1; }
      limit_req_zone $binary_remote_addr zone=one:1m rate=10r/s;
      limit_conn_zone $binary_remote_addr zone=addr:1m;
      ${ofHttp.join('\n')}
      server { listen 127.0.0.1:18080; ${[...ofServers, ...locations].join('\n')} }
    }
  `
  const file = join(await temporaryFolder(t), 'nginx.conf')
  await writeFile(file, config)
  assert.equal(complaintsOfNginx(file), '')
})
