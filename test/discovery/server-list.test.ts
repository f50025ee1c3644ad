import assert from 'node:assert/strict'
import { test } from 'node:test'
import { foundServer, NoServerList, readServerList, united } from '../../src/discovery/server-list.ts'
import { inLines } from '../support/watched.ts'

const read = (text: string) => united([readServerList('list', text)])
const many = (count: number, weight: number) =>
  JSON.stringify(
    Array.from({ length: count }, (_, at) => ({ name: `s${at}`, address: `s${at}:80`, weight: at === 7 ? weight : 1 })),
  )

test('a list that is read again has the same objects for what did not change', () => {
  const first = readServerList('list', many(10_000, 1))
  const second = readServerList('list', many(10_000, 2), first)
  const [before, now] = [united([first]), united([second])]
  assert.equal(now.servers.length, 10_000)
  assert.deepEqual(
    now.servers.filter((server, at) => server !== before.servers[at]).map(({ name }) => name),
    ['s7'],
  )
  const again = united([readServerList('list', many(10_000, 2), second)])
  assert.ok(again.servers.every((server, at) => server === now.servers[at]))
})

test('YAML and JSON give the same, as a mapping or as a list', () => {
  const expected = ['a:80 a:80', 'web [::1]:81', 'unix:/run/a.sock unix:/run/a.sock down']
  const entries = [
    { address: 'a' },
    { name: 'web', address: '[::1]:81' },
    { address: 'unix:/run/a.sock', state: 'down' },
  ]
  const yaml = '- a\n- { name: web, address: "[::1]:81" }\n- address: unix:/run/a.sock\n  state: down\n'
  for (const text of [JSON.stringify(entries), JSON.stringify({ servers: entries }), yaml, `servers:\n${yaml}`])
    assert.deepEqual(inLines(read(text)), expected)
})

test('a text that is no list, or ends in the middle, is none', () => {
  for (const text of [
    '',
    '# nothing\n',
    'servers:\n',
    'a',
    '3',
    '{}',
    '{"servers":["a:80"',
    '- a: {\n',
    '--- \n- a\n---\n- b\n',
  ])
    assert.throws(() => read(text), NoServerList, JSON.stringify(text))
  for (const text of ['[]', '{"servers":[]}', 'servers: []\n'])
    assert.deepEqual(read(text), { servers: [], mistakes: [] })
})

test('entries that are wrong are mistakes with their places, and the others are used', () => {
  const { servers, mistakes } = read(
    `servers:\n  - a\n  - { address: b, wieght: 2 }\n  - { address: c, address: d }\n  - \${HOME}\n  - e\n`,
  )
  assert.deepEqual(inLines({ servers }), ['a:80 a:80', 'e:80 e:80'])
  assert.deepEqual(
    mistakes.map(({ where, message }) => `${where} ${message.split(',')[0]}`),
    [
      'list:3:19 servers[1].wieght: unknown key',
      'list:4:19 servers[2].address: expected each key once',
      'list:5:5 servers[3]: expected a host name or an IP address',
    ],
  )
})

test('the number of mistakes that are shown is bounded', () => {
  const { servers, mistakes } = read(JSON.stringify(new Array(10_000).fill('a:80')))
  assert.equal(servers.length, 1)
  assert.equal(mistakes.length, 101)
  assert.deepEqual(mistakes.at(-1)?.message, 'there are 9899 more mistakes')
})

test('aliases that expand without an end, and YAML that is too long, are refused', () => {
  const bomb = `a: &a [x]\n${Array.from({ length: 20 }, (_, at) => `b${at}: &b${at} [*${at === 0 ? 'a' : `b${at - 1}`}, *${at === 0 ? 'a' : `b${at - 1}`}]`).join('\n')}\nservers: *b19\n`
  assert.throws(() => read(bomb), NoServerList)
  assert.throws(() => read(`- a # ${'x'.repeat(2 * 1024 * 1024)}\n`), /write JSON/)
})

test('one entry is read by itself, with a name of its own', () => {
  assert.deepEqual(foundServer('a:80', 'web-1'), { id: 'web-1', name: 'web-1', address: 'a:80' })
  assert.deepEqual(foundServer({ name: 'x', address: 'a:80', weight: 2 }, 'web-1'), {
    id: 'x',
    name: 'x',
    address: 'a:80',
    settings: { weight: 2 },
  })
  assert.ok(Array.isArray(foundServer({ port: 80 })))
})
