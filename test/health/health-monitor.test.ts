/** What becomes of health when another list of upstreams is applied, on a fake clock. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { Verdict } from '../../src/health/verdict.ts'
import { HealthBit } from '../../src/runtime/health-bit.ts'
import type { Server } from '../../src/runtime/snapshot.ts'
import { check, failed, Monitored, outlier, passed, upstream } from './monitored.ts'

const [a, b, c, d] = [{ name: 'a' }, { name: 'b' }, { name: 'c' }, { name: 'd' }]
/** Servers' ports, by their places. */
const [A, B, C] = [9101, 9102, 9103]
const unknown = { ...check, initial: 'unknown' as const }

const at = (port: number) => ({ endpoint: { host: '127.0.0.1', port } })

/** Fails checks of those ports. */
const failing =
  (...ports: readonly number[]) =>
  async (port: number) =>
    ports.includes(port) ? failed : passed

describe('a server that did not change', () => {
  test('keeps its count of checks, and the time of its next one', async (t) => {
    const scene = new Monitored(t, [upstream([a, b], { check })])
    await scene.monitor.start()
    await scene.pass(5000)
    scene.answer = failing(A)
    await scene.pass(2000)
    assert.deepEqual(scene.healths(2), ['', ''])
    const times = scene.probes.filter(({ port }) => port === A).map(({ at }) => at)
    scene.monitor.apply([upstream([a, b, c], { check: { ...check } })])
    await scene.pass(1000)
    assert.deepEqual(scene.healths(3), ['U', '', ''])
    assert.deepEqual(scene.lines, ['server a is down (ill, 3 times in a row)'])
    const next = scene.probes.filter(({ port }) => port === A).at(-1)!.at
    assert.equal(next - times.at(-1)!, 1000)
  })

  test('stays what its checks, failures and answers have made of it, with the causes', async (t) => {
    const scene = new Monitored(t, [upstream([a, b, c, d], { check, outlier })], failing(A))
    await scene.monitor.start()
    await scene.pass(1000)
    scene.erring('b')
    scene.suspend('c', 2)
    const before = [['U', 'E', 'S', ''], 'ill', '5 answers of 5xx or none, in a row']
    const now = () => [
      scene.healths(4),
      scene.monitor.causeOf('app', 'a', HealthBit.Unhealthy),
      scene.monitor.causeOf('app', 'b', HealthBit.Ejected),
    ]
    assert.deepEqual(now(), before)
    scene.monitor.apply([upstream([a, { ...b, weight: 5 }, c, { ...d, drain: true }], { check, outlier })])
    assert.deepEqual(now(), before)
    assert.equal(scene.lines.length, 3)
  })
})

describe('an added server', () => {
  test('may not serve before its first check where that decides, from the moment that it is applied', async (t) => {
    for (const initial of ['unknown', 'down'] as const) {
      const settings = { check: { ...check, initial } }
      const scene = new Monitored(t, [upstream([a], settings)])
      await scene.monitor.start()
      await scene.settle()
      assert.deepEqual(scene.healths(2), ['', ''])
      const time = scene.probes.length
      scene.monitor.apply([upstream([a, b], settings)])
      assert.deepEqual([scene.healths(2), scene.probes.length], [['', 'U'], time])
      assert.equal(scene.monitor.causeOf('app', 'b', HealthBit.Unhealthy), undefined)
      await scene.settle()
      assert.deepEqual(scene.healths(2), ['', ''])
      assert.deepEqual(scene.lines, ['server a is up (well)', 'server b is up (well)'])
    }
  })

  test('serves at once where no check has to pass first, whatever its slot said before', async (t) => {
    const scene = new Monitored(t, [upstream([a], { check })])
    await scene.monitor.start()
    scene.scoreboard.servers.setHealth(1, HealthBit.Unhealthy)
    scene.scoreboard.servers.setHealth(1, HealthBit.Ejected)
    scene.scoreboard.servers.setHealth(1, HealthBit.Suspended)
    scene.scoreboard.servers.countBad(1)
    scene.monitor.apply([upstream([a, b], { check })])
    assert.deepEqual(scene.healths(2), ['', ''])
    assert.equal(scene.scoreboard.servers.countBad(1), 1)
  })

  test('warms up, unlike those that an upstream begins with', async (t) => {
    for (const initial of ['up', 'down'] as const) {
      const settings = { check: { ...check, initial } }
      const scene = new Monitored(t, [upstream([a, { ...d, slot: 3, down: true }], settings)])
      await scene.monitor.start()
      await scene.settle()
      scene.monitor.apply([upstream([a, b, { ...d, slot: 3 }], settings), upstream([{ ...c, slot: 2 }], {}, 'new', 1)])
      await scene.settle()
      assert.deepEqual(scene.healths(4), ['', '', '', ''])
      const isWarming = [0, 1, 2, 3].map((slot) => scene.scoreboard.servers.returnedAt(slot) !== 0)
      assert.deepEqual(isWarming, [false, true, false, true], initial)
    }
  })
})

describe('a server that has moved to another address', () => {
  test('begins again, and is checked where it is now', async (t) => {
    const scene = new Monitored(t, [upstream([a, b], { check: unknown, outlier })])
    await scene.monitor.start()
    scene.erring('a')
    scene.suspend('a', 0)
    assert.deepEqual(scene.healths(2), ['ES', ''])
    const moved = { ...a, ...at(C) }
    scene.answer = failing(C)
    scene.monitor.apply([upstream([moved, b], { check: unknown, outlier })])
    assert.deepEqual(scene.healths(2), ['U', ''])
    assert.equal(scene.scoreboard.servers.fails(0), 0)
    const { time } = scene
    await scene.pass(35_000)
    const { [A]: old, [C]: now } = scene.probed(time)
    assert.deepEqual([old, now! >= 34], [undefined, true])
    assert.deepEqual(scene.lines.slice(-1), ['server a is down (ill)'])
    assert.equal(scene.monitor.causeOf('app', 'a', HealthBit.Ejected), undefined)
  })

  test('is another one in another slot, too', async (t) => {
    const scene = new Monitored(t, [upstream([a, b], { check })], failing(A))
    await scene.monitor.start()
    await scene.pass(1000)
    scene.monitor.apply([upstream([{ ...a, slot: 5 }, b], { check })])
    assert.deepEqual(
      [scene.scoreboard.servers.health(5), scene.monitor.causeOf('app', 'a', HealthBit.Unhealthy)],
      [0, undefined],
    )
  })
})

test('an upstream in another slot is another one: workers are notified there', async (t) => {
  const scene = new Monitored(t, [upstream([a, b], { check })], failing(A))
  await scene.monitor.start()
  await scene.pass(1000)
  scene.monitor.apply([upstream([a, b], { check }, 'app', 3)])
  assert.deepEqual(scene.healths(2), ['', ''])
  const [before, epoch] = [scene.scoreboard.upstreams.epoch(0), scene.scoreboard.upstreams.epoch(3)]
  await scene.pass(1000)
  assert.deepEqual(scene.healths(2), ['U', ''])
  assert.equal(scene.scoreboard.upstreams.epoch(0), before)
  assert.notEqual(scene.scoreboard.upstreams.epoch(3), epoch)
})

describe('a removed server', () => {
  test('is checked no more: the check in progress is aborted, and its slot is left to others', async (t) => {
    let aborted = 0
    const settings = { check: { ...check, timeout: 3_600_000 }, outlier, panicThreshold: 60 }
    const untilAborted = (signal: AbortSignal) =>
      new Promise<Verdict>((resolve) =>
        signal.addEventListener('abort', () => {
          aborted++
          resolve(failed)
        }),
      )
    const scene = new Monitored(t, [upstream([a, b], settings)], async (port, signal) =>
      port === A ? untilAborted(signal) : passed,
    )
    await scene.monitor.start()
    await scene.pass(1000)
    assert.equal(scene.probed(0)[A], 1)
    scene.erring('a')
    scene.monitor.apply([upstream([{ ...b, ...at(B), slot: 1 }], settings)])
    const [{ time }, lines] = [scene, scene.lines.length]
    assert.equal(aborted, 1)
    // As whoever retires the slot would.
    for (const bit of Object.values(HealthBit)) scene.scoreboard.servers.clearHealth(0, bit)
    await scene.pass(60_000)
    scene.erring('a')
    scene.monitor.hear({ type: 'server-suspended', upstream: 'app', server: 'a', ms: 1, cause: 'refused' })
    scene.monitor.hear({ type: 'server-resumed', upstream: 'app', server: 'a' })
    assert.equal(scene.probed(time)[A], undefined)
    assert.deepEqual([scene.healths(2), scene.lines.slice(lines)], [['', ''], []])
    assert.equal(scene.monitor.causeOf('app', 'a', HealthBit.Ejected), undefined)
  })

  test('takes its upstream with it, of which nothing is reported either', async (t) => {
    const settings = { check, outlier, panicThreshold: 60 }
    const scene = new Monitored(t, [upstream([a, b], settings)], failing(A))
    await scene.monitor.start()
    await scene.pass(1000)
    scene.erring('b')
    assert.equal(scene.monitor.panicOf('app'), 'panic: 1 of 2 servers are well, fewer than 60 %; all are used')
    scene.monitor.apply([])
    const [{ time }, lines] = [scene, scene.lines.length]
    const before = scene.healths(2)
    await scene.pass(60_000)
    scene.suspend('b', 7)
    assert.deepEqual([scene.probed(time), scene.lines.slice(lines), scene.healths(2)], [{}, [], before])
    assert.deepEqual(
      [scene.monitor.panicOf('app'), scene.monitor.causeOf('app', 'a', HealthBit.Unhealthy)],
      [undefined, undefined],
    )
  })
})

test('a server is not checked while it is disabled, and begins again when it is enabled', async (t) => {
  const settings = { check: unknown, outlier }
  const scene = new Monitored(t, [upstream([a, b], settings)])
  await scene.monitor.start()
  scene.erring('a')
  scene.monitor.apply([upstream([{ ...a, down: true }, b], settings)])
  let { time } = scene
  scene.answer = failing(A)
  await scene.pass(40_000)
  // Nothing has come of the ejection that it was disabled in.
  assert.deepEqual(Object.keys(scene.probed(time)), [`${B}`])
  assert.deepEqual(scene.lines.slice(2), ['server a is ejected for 30 s (5 answers of 5xx or none, in a row)'])
  scene.monitor.apply([upstream([a, b], settings)])
  assert.deepEqual(scene.healths(2), ['U', ''])
  time = scene.time
  scene.answer = failing()
  await scene.pass(3000)
  assert.ok(scene.probed(time)[A]! >= 2)
  assert.deepEqual(scene.lines.slice(3), ['server a is up (well)'])
  // Nor does the old ejection count: the first one is as short as ever.
  scene.erring('a')
  assert.deepEqual(scene.lines.slice(4), ['server a is ejected for 30 s (5 answers of 5xx or none, in a row)'])
})

describe('a check', () => {
  test('that has changed begins as `initial` says, and leaves ejections alone', async (t) => {
    const scene = new Monitored(t, [upstream([a, b, c], { check, outlier })], failing(A))
    await scene.monitor.start()
    await scene.pass(1000)
    scene.erring('b')
    assert.deepEqual(scene.healths(3), ['U', 'E', ''])
    scene.monitor.apply([upstream([a, b, c], { check: { ...check, timeout: 100 }, outlier })])
    assert.deepEqual([scene.healths(3), scene.scoreboard.servers.returnedAt(0) !== 0], [['', 'E', ''], true])
    scene.monitor.apply([upstream([a, b, c], { check: { ...unknown, timeout: 100 }, outlier })])
    assert.deepEqual(scene.healths(3), ['U', 'UE', 'U'])
    assert.equal(scene.monitor.causeOf('app', 'a', HealthBit.Unhealthy), undefined)
    await scene.settle()
    assert.deepEqual(scene.healths(3), ['U', 'E', ''])
    assert.equal(scene.monitor.causeOf('app', 'a', HealthBit.Unhealthy), 'ill')
  })

  test('that is no more leaves nobody unhealthy', async (t) => {
    const scene = new Monitored(t, [upstream([a, b], { check })], failing(A))
    await scene.monitor.start()
    await scene.pass(1000)
    scene.monitor.apply([upstream([a, b])])
    const { time } = scene
    await scene.pass(5000)
    assert.deepEqual([scene.healths(2), scene.probed(time)], [['', ''], {}])
    scene.monitor.apply([upstream([a, b], { check: unknown })])
    assert.deepEqual(scene.healths(2), ['U', 'U'])
    await scene.settle()
    assert.deepEqual(scene.healths(2), ['U', ''])
  })
})

describe('an ejection', () => {
  const answer = (scene: Monitored, slot: number, good: number, bad: number) => {
    for (let i = 0; i < good; i++) scene.scoreboard.servers.countGood(slot)
    for (let i = 0; i < bad; i++) scene.scoreboard.servers.countBad(slot)
  }
  const ejected = (name: string, time: string) =>
    `server ${name} is ejected for ${time} (5 answers of 5xx or none, in a row)`

  test('lasts as long as was said, and counts, whatever the settings are meanwhile', async (t) => {
    const scene = new Monitored(t, [upstream([a, b, c], { outlier })])
    await scene.monitor.start()
    scene.erring('a')
    scene.monitor.apply([upstream([a, b, c, d], { outlier: { ...outlier, ejectFor: 5000, maxEjected: 0 } })])
    await scene.pass(29_950)
    assert.deepEqual(scene.healths(4), ['E', '', '', ''])
    scene.erring('b')
    await scene.pass(50)
    assert.deepEqual(scene.healths(4), ['', '', '', ''])
    assert.deepEqual(scene.lines, [ejected('a', '30 s'), 'server a is back from its ejection'])
    // The second time in a row.
    scene.monitor.apply([upstream([a, b, c, d], { outlier: { ...outlier, ejectFor: 5000 } })])
    scene.erring('a')
    assert.equal(scene.lines.at(-1), ejected('a', '10 s'))
  })

  test('is over at once where nobody is to be ejected any more', async (t) => {
    const scene = new Monitored(t, [upstream([a, b, c], { outlier })])
    await scene.monitor.start()
    scene.erring('a')
    scene.monitor.apply([upstream([a, b, c])])
    assert.deepEqual([scene.healths(3), scene.lines.at(-1)], [['', '', ''], 'server a is back from its ejection'])
    scene.erring('b')
    assert.deepEqual(scene.healths(3), ['', '', ''])
    scene.monitor.apply([upstream([a, b, c], { outlier })])
    scene.erring('b')
    assert.deepEqual(scene.healths(3), ['', 'E', ''])
  })

  test('comes of the answers of the whole interval, an added server in the middle of it or not', async (t) => {
    const scene = new Monitored(t, [upstream([a, b], { outlier })])
    await scene.monitor.start()
    answer(scene, 0, 20, 30)
    answer(scene, 1, 50, 0)
    // What the slot's former owner answered is not the new server's.
    answer(scene, 2, 0, 100)
    await scene.pass(6000)
    scene.monitor.apply([upstream([a, b, c], { outlier: { ...outlier, errorRate: 30 } })])
    answer(scene, 0, 20, 30)
    await scene.pass(3950)
    assert.deepEqual(scene.lines, [])
    await scene.pass(50)
    assert.deepEqual(scene.lines, [
      "server a is ejected for 30 s (60 % of 100 answers were errors, 0 % of the others')",
    ])
  })

  test('is decided at the end of an interval as long as the settings say now', async (t) => {
    const scene = new Monitored(t, [upstream([a, b], { outlier })])
    await scene.monitor.start()
    answer(scene, 0, 0, 50)
    answer(scene, 1, 50, 0)
    scene.monitor.apply([upstream([a, b], { outlier: { ...outlier, interval: 2000 } })])
    await scene.pass(1950)
    assert.deepEqual(scene.healths(2), ['', ''])
    await scene.pass(50)
    assert.deepEqual(scene.healths(2), ['E', ''])
  })
})

describe('a panic', () => {
  const settings = { check, panicThreshold: 50 }

  test('is judged by the servers and the threshold that there are now', async (t) => {
    const scene = new Monitored(t, [upstream([a, b], settings)], failing(A))
    await scene.monitor.start()
    await scene.pass(1000)
    const panic = (threshold: number, count: string) =>
      `panic: ${count} servers are well, fewer than ${threshold} %; all are used`
    const lines = scene.lines.length
    scene.monitor.apply([upstream([a, b], { check, panicThreshold: 60 })])
    assert.deepEqual(scene.healths(2), ['UP', 'P'])
    assert.equal(scene.monitor.panicOf('app'), panic(60, '1 of 2'))
    scene.monitor.apply([upstream([a, b, c], { check, panicThreshold: 70 })])
    assert.deepEqual([scene.healths(3), scene.monitor.panicOf('app')], [['UP', 'P', 'P'], panic(70, '2 of 3')])
    scene.monitor.apply([upstream([{ ...a, drain: true }, b, c], { check, panicThreshold: 70 })])
    assert.deepEqual([scene.healths(3), scene.monitor.panicOf('app')], [['U', '', ''], undefined])
    assert.deepEqual(scene.lines.slice(lines), [`${panic(60, '1 of 2')}`, 'the panic is over: 2 of 2 servers are well'])
    scene.monitor.apply([upstream([{ ...a, drain: true }, b, c])])
    assert.equal(scene.lines.length, lines + 2)
  })

  test('does not make a server serve that has not had the check that decides', async (t) => {
    const scene = new Monitored(t, [upstream([a, b], settings)], failing(A, B))
    await scene.monitor.start()
    await scene.pass(1000)
    assert.deepEqual(scene.healths(2), ['UP', 'UP'])
    let conclude = (_verdict: typeof passed) => {}
    scene.answer = (port) => (port === C ? new Promise((resolve) => (conclude = resolve)) : Promise.resolve(failed))
    const next = [a, b, c].map((server) => ({ ...server }))
    scene.monitor.apply([upstream(next, { check: unknown, panicThreshold: 50 })])
    assert.deepEqual(scene.healths(3), ['U', 'U', 'U'])
    await scene.settle()
    // The panic goes on for those that are known to be ill.
    assert.deepEqual(scene.healths(3), ['UP', 'UP', 'U'])
    conclude(failed)
    await scene.settle()
    assert.deepEqual(scene.healths(3), ['UP', 'UP', 'UP'])
  })

  test('does not begin before an added server has had the check that decides', async (t) => {
    const health = { check: unknown, panicThreshold: 60 }
    const scene = new Monitored(t, [upstream([a, b, c], health)], failing(A))
    await scene.monitor.start()
    let conclude = (_verdict: typeof passed) => {}
    scene.answer = (port) => (port === 9104 ? new Promise((resolve) => (conclude = resolve)) : failing(A)(port))
    scene.monitor.apply([upstream([a, b, c, d], health)])
    await scene.settle()
    assert.equal(scene.monitor.panicOf('app'), undefined)
    conclude(failed)
    await scene.settle()
    assert.equal(scene.monitor.panicOf('app'), 'panic: 2 of 4 servers are well, fewer than 60 %; all are used')
  })
})

describe('the start', () => {
  const slowly = { check: { ...unknown, timeout: 3_600_000 } }

  /** A monitor whose start waits for checks that end when the test says so, by their ports. */
  function waiting(t: TestContext, servers: readonly Partial<Server>[]) {
    const ends = new Map<number, () => void>()
    const scene = new Monitored(
      t,
      [upstream(servers, slowly)],
      (port) => new Promise((resolve) => ends.set(port, () => resolve(passed))),
    )
    const start = { isOver: false, over: scene.monitor.start() }
    start.over.then(() => {
      start.isOver = true
    })
    return { scene, start, ends }
  }

  test('does not wait for a server that was removed meanwhile', async (t) => {
    const { scene, start, ends } = waiting(t, [a, b])
    await scene.settle()
    ends.get(A)!()
    await scene.settle()
    assert.equal(start.isOver, false)
    scene.monitor.apply([upstream([a], slowly)])
    await scene.settle()
    assert.equal(start.isOver, true)
  })

  test('waits for one that was added, or has moved, meanwhile', async (t) => {
    const { scene, start, ends } = waiting(t, [a, b])
    await scene.settle()
    scene.monitor.apply([upstream([a, { ...b, ...at(C) }, { ...c, ...at(9104) }], slowly)])
    await scene.settle()
    for (const port of [A, B, C]) {
      ends.get(port)!()
      await scene.settle()
      assert.equal(start.isOver, false)
    }
    ends.get(9104)!()
    await start.over
    assert.deepEqual(scene.healths(3), ['', '', ''])
  })

  test('is over when all is stopped, after which nothing is checked, whatever is applied', async (t) => {
    const { scene, start } = waiting(t, [a, b])
    await scene.settle()
    scene.monitor.stop()
    await start.over
    const { time } = scene
    scene.monitor.apply([upstream([a, b, c], slowly)])
    await scene.pass(5000)
    assert.deepEqual(scene.probed(time), {})
  })

  test('checks nothing that was applied before it until it comes', async (t) => {
    const scene = new Monitored(t, [upstream([a], { check: unknown })])
    scene.monitor.apply([upstream([a, b], { check: unknown })])
    await scene.pass(2000)
    assert.deepEqual([scene.probes, scene.healths(2)], [[], ['U', 'U']])
    await scene.monitor.start()
    assert.deepEqual(scene.healths(2), ['', ''])
  })
})
