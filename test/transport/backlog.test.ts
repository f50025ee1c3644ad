import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { Backlog, type BacklogUser } from '../../src/transport/backlog.ts'

/** A backlog with a clock that only its users' work moves, and what it serves in each turn. */
function start() {
  let time = 0
  const backlog = new Backlog(() => time)
  const served: string[] = []
  const user = (name: string, steps: number, ms: number, isWaste = false): BacklogUser => {
    let left = steps
    const self = {
      catchUp() {
        served.push(name)
        time += ms
        if (--left > 0) backlog.enter(self)
        return isWaste
      },
    }
    return self
  }
  const nextTurn = async () => {
    await turn()
    return served.splice(0)
  }
  /** Something that follows from the work of these, in the same turn. */
  const take = (ms: number) => {
    time += ms
  }
  return { backlog, user, nextTurn, take }
}

test('users are served one after the other, whoever has more of them to do', async () => {
  const { backlog, user, nextTurn } = start()
  for (const each of [user('a', 3, 0.01), user('b', 1, 0.01), user('c', 2, 0.01)]) backlog.enter(each)
  assert.deepEqual(await nextTurn(), ['a', 'b', 'c', 'a', 'c', 'a'])
})

test('a turn is as long with many users as with few, and the next one goes on where it ended', async () => {
  const { backlog, user, nextTurn } = start()
  for (const name of 'abcdef') backlog.enter(user(name, 2, 0.1))
  assert.deepEqual(await nextTurn(), ['a', 'b', 'c'])
  assert.deepEqual(await nextTurn(), ['d', 'e', 'f'])
  assert.deepEqual(await nextTurn(), ['a', 'b', 'c'])
})

test('who enters twice is served once', async () => {
  const { backlog, user, nextTurn } = start()
  const twice = user('a', 1, 0.01)
  backlog.enter(twice)
  backlog.enter(twice)
  assert.deepEqual(await nextTurn(), ['a'])
  assert.deepEqual(await nextTurn(), [])
})

test('after work for nothing, they rest if others need the thread', async () => {
  const { backlog, user, nextTurn } = start()
  const served = new Promise<void>((resolve) => {
    const last: BacklogUser = {
      catchUp() {
        resolve()
        return false
      },
    }
    backlog.enter(user('waste', 1, 100, true))
    backlog.enter(last)
  })
  backlog.share()
  assert.deepEqual(await nextTurn(), ['waste'])
  assert.equal(await Promise.race([served.then(() => 'served'), turn('resting')]), 'resting')
  await served
})

test('what follows from work for nothing counts: they rest as long as if they had done it themselves', async () => {
  const { backlog, user, nextTurn, take } = start()
  backlog.enter(user('waste', 1, 0.1, true))
  backlog.share()
  // Before the turn is over.
  setImmediate(() => take(99))
  assert.deepEqual(await nextTurn(), ['waste'])
  await turn()
  backlog.enter(user('after', 1, 0.1))
  assert.deepEqual(await nextTurn(), [])
})

for (const [what, isWaste, isShared] of [
  ['work for nothing while no other connection has anything to do', true, false],
  ['work that is of use, whatever others do', false, true],
] as const) {
  test(`no rest after ${what}`, async () => {
    const { backlog, user, nextTurn } = start()
    backlog.enter(user('a', 3, 100, isWaste))
    for (let each = 0; each < 3; each++) {
      if (isShared) backlog.share()
      assert.deepEqual(await nextTurn(), ['a'])
    }
  })
}
