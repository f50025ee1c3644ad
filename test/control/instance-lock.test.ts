/** The lock of an instance: one process has it at a time, and it passes to the next. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { InstanceLock, warningOfAnother } from '../../src/control/state/instance-lock.ts'
import { temporaryFolder } from '../support/folder.ts'

function lockOf(t: TestContext, directory: string, instance = 'shop'): InstanceLock {
  const lock = new InstanceLock(instance, directory)
  t.after(() => lock.release())
  return lock
}

const holds = (locks: readonly InstanceLock[]) => locks.map(({ isHeld }) => isHeld)

test('one takes it, and another once that has released it; a different instance has its own', async (t) => {
  const directory = join(await temporaryFolder(t), 'made')
  const [one, other] = [lockOf(t, directory), lockOf(t, directory)]
  assert.deepEqual(holds([one, other]), [false, false])
  assert.equal(await one.take(), true)
  assert.equal(await one.take(), true)
  assert.equal(await other.take(), false)
  assert.equal(await lockOf(t, directory, 'replica').take(), true)
  assert.deepEqual(holds([one, other]), [true, false])
  assert.match((await warningOfAnother('shop', directory)) ?? '', new RegExp(`process ${process.pid}\\).*--instance`))
  other.release()
  assert.deepEqual(holds([one, other]), [true, false])
  one.release()
  assert.equal(await warningOfAnother('shop', directory), undefined)
  assert.equal(await other.take(), true)
  assert.deepEqual(holds([one, other]), [false, true])
})

test('one of those that wait gets it as soon as it is released, the others after that one', async (t) => {
  const directory = await temporaryFolder(t)
  const first = lockOf(t, directory)
  await first.take()
  const waiting = [lockOf(t, directory), lockOf(t, directory)]
  let next: InstanceLock = first
  const held: InstanceLock[] = []
  for (const lock of waiting) void lock.whenHeld().then((isHeld) => isHeld && held.push(lock))
  for (let given = 1; given <= waiting.length; given++) {
    assert.equal(holds([first, ...waiting]).filter((isHeld) => isHeld).length, 1)
    next.release()
    while (held.length < given) await turn()
    next = held.at(-1)!
    assert.equal(next.isHeld, true)
  }
  assert.deepEqual(new Set(held), new Set(waiting))
})

test('one that is released while it waits never gets it', async (t) => {
  const directory = await temporaryFolder(t)
  const [one, other] = [lockOf(t, directory), lockOf(t, directory)]
  await one.take()
  const waiting = other.whenHeld()
  other.release()
  assert.equal(await waiting, false)
  one.release()
  assert.equal(other.isHeld, false)
  assert.deepEqual(readdirSync(directory), [])
})

test('it passes on from a process that is killed, to one that waits and to one that comes', async (t) => {
  const directory = await temporaryFolder(t)
  const source = new URL('../../src/control/state/instance-lock.ts', import.meta.url)
  const program = `
    import { InstanceLock } from ${JSON.stringify(source.href)}
    console.log(await new InstanceLock('shop', ${JSON.stringify(directory)}).take())
    setInterval(() => {}, 1000)
  `
  const holder = async () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    t.after(() => child.kill('SIGKILL'))
    assert.equal(String((await once(child.stdout, 'data'))[0]), 'true\n')
    return child
  }
  const killed = await holder()
  const waiting = lockOf(t, directory)
  assert.equal(await waiting.take(), false)
  const isHeld = waiting.whenHeld()
  killed.kill('SIGKILL')
  assert.equal(await isHeld, true)
  waiting.release()
  const again = await holder()
  again.kill('SIGKILL')
  await once(again, 'exit')
  assert.equal(await lockOf(t, directory).take(), true)
})

test('where no socket can be made, nobody holds it, and nothing fails', async (t) => {
  const folder = await temporaryFolder(t)
  assert.equal(await lockOf(t, join(folder, 'd'.repeat(200))).take(), false)
  mkdirSync(join(folder, 'instance-shop.sock'))
  const lock = lockOf(t, folder)
  assert.equal(await lock.take(), false)
  assert.equal(lock.isHeld, false)
})
