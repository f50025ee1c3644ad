/** The id of a server in the application's own session id, read without a socket. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { SessionRequest } from '../../src/affinity/affinity.ts'
import { ServerIdAffinity } from '../../src/affinity/server-id.ts'
import { segmentParameterIn } from '../../src/http1/segment-parameter.ts'
import type { SegmentParameter } from '../../src/runtime/named-part.ts'
import { SessionTable } from '../../src/runtime/session-table.ts'
import type { Affinity, Server, Upstream } from '../../src/runtime/snapshot.ts'
import { serversWith } from '../balancing/group.ts'
import fc from '../support/property.ts'

type Settings = Extract<Affinity, { type: 'server-id' }>

const NOW = 1_800_000_000
const TOMCAT: Settings = {
  type: 'server-id',
  from: [
    { from: 'cookie', name: 'JSESSIONID' },
    { from: 'segment-parameter', name: 'jsessionid' },
  ],
  position: 'suffix',
  separator: '.',
  idle: 3_600_000,
  onLost: 'move',
}
const PREFIX: Settings = { ...TOMCAT, position: 'prefix', separator: '~' }

const serversOf = (...names: string[]): readonly Server[] => serversWith(names.map((name) => ({ name })))

function reader(settings: Settings, servers: readonly Server[], table = new SessionTable()) {
  table.apply([{ affinity: settings, servers } as unknown as Upstream])
  const affinity = new ServerIdAffinity(settings, 'app', servers, table)
  /** The name of the server on which the session is that a request with these values shows, or its standing; `none` without one. */
  const read = (cookies: string | readonly string[], inPath: readonly string[] = []) => {
    const values = { cookie: [cookies].flat(), 'segment-parameter': inPath }
    const request = {
      value: ({ from }: SegmentParameter, after = 0) => values[from][after],
    } as unknown as SessionRequest
    const session = affinity.read(request, NOW)
    if (session === undefined) return 'none'
    return session.home === undefined ? session.standing : servers.find(({ slot }) => slot === session.home)!.name
  }
  return { read, affinity, table }
}

describe('the id of a server', () => {
  test('stands behind the last separator, or in front of the first one, as the settings say', () => {
    const { read } = reader(TOMCAT, serversOf('web1', 'web2'))
    assert.equal(read('1A2B.web2'), 'web2')
    assert.equal(read('1A.2B.web1'), 'web1')
    assert.equal(read('web2.1A2B'), 'removed')
    const prefixed = reader(PREFIX, serversOf('web1', 'web2')).read
    assert.equal(prefixed('web2~1A2B'), 'web2')
    assert.equal(prefixed('web1~1A~2B'), 'web1')
    assert.equal(prefixed('1A2B~web1'), 'removed')
  })

  test('may contain the separator itself, and the longest id that fits is meant', () => {
    const { read } = reader(TOMCAT, serversOf('b', 'a.b', '10.0.0.1:80'))
    assert.equal(read('1.a.b'), 'a.b')
    assert.equal(read('1.x.b'), 'b')
    assert.equal(read('a.b'), 'b', 'a session id is in front of it')
    assert.equal(read('1.10.0.0.1:80'), '10.0.0.1:80')
    const prefixed = reader({ ...PREFIX, separator: '.' }, serversOf('a', 'a.b')).read
    assert.equal(prefixed('a.b.1'), 'a.b')
    assert.equal(prefixed('a.b'), 'a')
    assert.equal(prefixed('a.c.1'), 'a')
  })

  test('is read as it is written: upper and lower case differ, and nothing in it is unescaped', () => {
    const { read } = reader(TOMCAT, serversOf('web1'))
    for (const value of ['1A.WEB1', '1A.web1 ', '1A.%77eb1', "1A.'web1'", '1A.web1;x', '1A.web11', '1A.web'])
      assert.equal(read(value), 'removed', value)
  })

  test('is not there without a session id before it, or without a separator', () => {
    const { read } = reader(TOMCAT, serversOf('web1'))
    for (const value of ['', '.', '1A.', '.web1', 'web1', '1Aweb1']) assert.equal(read(value), 'none', value)
    const prefixed = reader(PREFIX, serversOf('web1')).read
    for (const value of ['', '~', 'web1~', '~1A', 'web1']) assert.equal(prefixed(value), 'none', value)
  })

  test('counts where it is found first, and one of a server that is there before one of a server that is not', () => {
    const { read } = reader(TOMCAT, serversOf('web1', 'web2'))
    assert.equal(read(['1A.web1', '2B.web2']), 'web1', 'of two cookies of one name')
    assert.equal(read(['old', '1A.web9', '2B.web2']), 'web2')
    assert.equal(read('1A.web1', ['2B.web2']), 'web1', 'the first place in the list')
    assert.equal(read('1A.web9', ['2B.web2']), 'web2')
    assert.equal(read([], ['2B.web2']), 'web2')
    const many = Array.from({ length: 10_000 }, (_, index) => `${index}.web9`)
    assert.equal(read([...many, '1A.web1']), 'removed', 'four of a name are looked at')
  })

  test('is found in any session id, whatever ids the servers have', () => {
    const text = fc.string({ unit: fc.constantFrom(...'ab.~-1'), minLength: 1, maxLength: 12 })
    const ids = fc.uniqueArray(fc.string({ unit: fc.constantFrom(...'ab.-'), minLength: 1, maxLength: 5 }), {
      minLength: 1,
      maxLength: 6,
    })
    fc.assert(
      fc.property(text, ids, fc.constantFrom('.', '~', '..', '-'), (session, names, separator) => {
        const longest = (all: string[]) => all.toSorted((one, other) => other.length - one.length)[0] ?? 'no server'
        const suffixed = names.filter(
          (id) => session.endsWith(separator + id) && session.length > (separator + id).length,
        )
        const prefixed = names.filter(
          (id) => session.startsWith(id + separator) && session.length > (id + separator).length,
        )
        const serverIn = (value: string) => (names.includes(value) ? value : 'no server')
        const at = (position: Settings['position']) =>
          serverIn(reader({ ...TOMCAT, position, separator }, serversOf(...names)).read(session))
        assert.equal(at('suffix'), longest(suffixed))
        assert.equal(at('prefix'), longest(prefixed))
      }),
      { numRuns: 200 },
    )
  })
})

describe('a session whose id names a server that is gone', () => {
  const servers = serversOf('web1', 'web2')

  test('is on the server that has served it since', () => {
    const { read, affinity, table } = reader(TOMCAT, servers)
    assert.equal(read('1A.web9'), 'removed')
    const session = affinity.read(
      { value: (_, after = 0) => ['1A.web9'][after] } as SessionRequest & { key: never },
      NOW,
    )!
    table.put(session.high, session.low, servers[1]!.slot, NOW)
    assert.equal(read('1A.web9'), 'web2')
  })

  test('is over once it was refused, and counts nowhere', () => {
    const { read, affinity, table } = reader(TOMCAT, servers)
    const session = affinity.read(
      { value: (_, after = 0) => ['1A.web9'][after] } as SessionRequest & { key: never },
      NOW,
    )!
    table.refuse(session.high, session.low, servers[0]!.slot, NOW)
    assert.equal(read('1A.web9'), 'expired')
    assert.equal(table.count([servers[0]!.slot], NOW).get(servers[0]!.slot)!.live, 0)
  })
})

describe('a parameter in the segments of a path', () => {
  test('is read as it is written, where it is first', () => {
    assert.equal(segmentParameterIn('/a;jsessionid=1A.web1', 'jsessionid'), '1A.web1')
    assert.equal(segmentParameterIn('/a;jsessionid=1A.web1/b;x=2', 'jsessionid'), '1A.web1')
    assert.equal(segmentParameterIn('/a;v=1;jsessionid=1A.web1?q=;jsessionid=2', 'jsessionid'), '1A.web1')
    assert.equal(segmentParameterIn('/a;jsessionid=1;jsessionid=2', 'jsessionid', 1), '2')
    assert.equal(segmentParameterIn('/a;jsessionid=%31', 'jsessionid'), '%31')
    assert.equal(segmentParameterIn('/a;jsessionid=', 'jsessionid'), '')
  })

  test('is not one of the query, of another name, or of no value', () => {
    for (const target of [
      '/a?;jsessionid=1',
      '/a;JSESSIONID=1',
      '/a;xjsessionid=1',
      '/a;jsessionid',
      '/jsessionid=1',
      '/a;jsessionidx=1',
    ])
      assert.equal(segmentParameterIn(target, 'jsessionid'), undefined, target)
  })
})
