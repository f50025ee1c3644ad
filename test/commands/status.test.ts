/** What `limpet status` makes of everything that the admin API can say. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runLimpet } from '../support/limpet.ts'
import { ScriptedAdmin } from '../support/scripted-admin.ts'

const at = (fromNow: number) => new Date(Date.now() + fromNow).toISOString()

function serverOf(name: string, others: object = {}) {
  const state = { admin: 'ready', health: 'up', cause: null }
  const sessions = { live: 10, share: 0.5, active: 1, oldest: null }
  const counts = { inFlight: 0, tunnels: 0, requests: 0, failures: 0, sessions }
  return { name, id: name, address: '10.0.0.1:80', weight: 1, backup: false, state, drain: null, ...counts, ...others }
}

test('limpet status shows what differs from the file, drains, pauses, tunnels and the emptiest server', async (t) => {
  const drain = {
    upstream: 'app',
    server: 'web-2',
    state: 'draining',
    started: at(-60_000),
    ended: null,
    deadline: at(600_000),
    sessions: 10,
    active: 1,
    inFlight: 2,
    tunnels: 1,
    moved: 0,
    emptyAt: at(120_500),
    emptyWithin: 10_000,
  }
  const servers = [
    serverOf('web-1', { weight: 5, file: { weight: 1 } }),
    serverOf('web-2', {
      state: { admin: 'drain', health: 'up', cause: null },
      file: { drain: false },
      drain,
      tunnels: 1,
    }),
    serverOf('blue', { file: { name: 'web-3', address: '10.0.0.3:80' } }),
    serverOf('web-4', { file: null, state: { admin: 'ready', health: 'down', cause: 'connection refused' } }),
  ]
  const pause = { since: at(0), until: at(24_500) }
  const app = { name: 'app', balance: 'round-robin', affinity: 'cookie', servers, warnings: [], pause }
  const plain = { ...app, name: 'plain', affinity: null, pause: null, servers: [serverOf('a', { sessions: null })] }
  const admin = await ScriptedAdmin.start(t, {
    'GET /v1/status': {
      version: '1.2.3',
      since: at(-3_600_000),
      workers: 2,
      listeners: [{ address: '0.0.0.0', port: 80 }],
      droppedLogLines: 0,
      certificates: [],
      changes: [
        { upstream: '', server: null, message: 'the file has no effect' },
        { upstream: 'app', server: 'web-1', message: 'weight 5; the file says 1' },
      ],
      emptiest: { app: 'web-4' },
    },
    'GET /v1/upstreams': { upstreams: [app, plain] },
  })
  const { code, stdout } = await runLimpet(['status', '--url', admin.url])
  assert.equal(code, 0)
  assert.equal(
    stdout.replace(/\d+ (?:h|min|s)\b(?: \d+ s\b)?/g, 'TIME'),
    `
limpet 1.2.3, up for TIME, 2 workers, listening on 0.0.0.0:80
! changed at run time, and not in the file (limpet config export prints one that has it):
    the file has no effect
    app/web-1: weight 5; the file says 1

upstream app: round-robin, affinity cookie
  SERVER                   ADDRESS                               WEIGHT  STATE                IN FLIGHT  TUNNELS  REQUESTS  FAILED  SESSIONS  SHARE  ACTIVE  OLDEST
  web-1                    10.0.0.1:80                      5 (file: 1)  up                           0        0         0       0        10   50 %       1       -
  web-2                    10.0.0.1:80                                1  drain (file: ready)          0        1         0       0        10   50 %       1       -
  blue (file: web-3)       10.0.0.1:80 (file: 10.0.0.3:80)            1  up                           0        0         0       0        10   50 %       1       -
  web-4 (not in the file)  10.0.0.1:80                                1  down                         0        0         0       0        10   50 %       1       -
  ! paused, for TIME at most: new requests wait
  ! drain of app/web-2: 10 sessions left (1 active), 2 requests and 1 WebSocket in flight, empty in about TIME, deadline in TIME
  ! server web-4: connection refused
  the emptiest server, whose removal moves the fewest sessions: web-4

upstream plain: round-robin
  SERVER  ADDRESS      WEIGHT  STATE  IN FLIGHT  REQUESTS  FAILED
  a       10.0.0.1:80       1  up             0         0       0
`.trim(),
  )
})

test('limpet status shows what has found a server, that it is away, and which sources fail', async (t) => {
  const mistake = { where: '/a.yaml:3:5', message: 'expected a port', hint: 'write 80' }
  const app = {
    name: 'app',
    balance: 'round-robin',
    affinity: null,
    warnings: [],
    pause: null,
    servers: [
      serverOf('web-1', { sessions: null, source: null }),
      serverOf('web-2', { sessions: null, source: 'file', file: null }),
      serverOf('web-3', { sessions: null, source: 'file', state: { admin: 'ready', health: 'away', cause: null } }),
    ],
  }
  const source = { upstream: 'app', source: 'file', since: at(-60_000), error: null, mistakes: [] }
  const admin = await ScriptedAdmin.start(t, {
    'GET /v1/status': {
      version: '1.2.3',
      since: at(-3_600_000),
      workers: 2,
      listeners: [{ address: '0.0.0.0', port: 80 }],
      droppedLogLines: 0,
      certificates: [],
      changes: [],
      sources: [
        { ...source, name: 'file /a.yaml', state: 'ok', servers: 2, mistakes: [mistake] },
        { ...source, upstream: null, name: 'docker', state: 'failing', servers: 0, error: 'no\nsocket' },
      ],
      emptiest: {},
    },
    'GET /v1/upstreams': { upstreams: [app] },
  })
  const { code, stdout } = await runLimpet(['status', '--url', admin.url])
  assert.equal(code, 0)
  const lines = stdout.replaceAll(/ +/g, ' ').split('\n')
  for (const line of [
    ' file /a.yaml app ok 1 min 2',
    ' docker (labels) failing 1 min 0',
    ' ! /a.yaml:3:5: expected a port (write 80)',
    ' ! docker fails: no\\nsocket',
    ' web-1 10.0.0.1:80 1 up 0 0 0',
    ' web-2 10.0.0.1:80 file 1 up 0 0 0',
    ' web-3 10.0.0.1:80 file 1 away 0 0 0',
  ])
    assert.ok(lines.includes(line), `${line}\n${stdout}`)
})
