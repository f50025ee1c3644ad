import assert from 'node:assert/strict'
import { appendFile, mkdir, open, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { fileProvider } from '../../src/discovery/file.ts'
import type { ServerList } from '../../src/discovery/provider.ts'
import { temporaryFolder } from '../support/folder.ts'

/** Watches a path, and has the lists one after the other. */
class Watch {
  readonly #lists: AsyncIterator<ServerList>
  readonly #end = new AbortController()
  readonly provider: ReturnType<typeof fileProvider>
  // The watchers of files do not keep a process alive.
  readonly #alive = setInterval(() => {}, 1000)

  constructor(test: TestContext, path: string) {
    this.provider = fileProvider({ from: 'file', path })
    this.#lists = this.provider.watch(this.#end.signal)[Symbol.asyncIterator]()
    test.after(() => this.end())
  }

  async next(): Promise<ServerList> {
    const { value, done } = await this.#lists.next()
    assert.notEqual(done, true)
    return value
  }

  async names(): Promise<string[]> {
    return (await this.next()).servers.map(({ name }) => name)
  }

  async end(): Promise<unknown> {
    this.#end.abort()
    clearInterval(this.#alive)
    return await this.#lists.next()
  }
}

async function replace(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text)
  await rename(`${path}.new`, path)
}

describe('from: file, a file', () => {
  it('has the servers of the file, and again when it was replaced or written in place', async (test) => {
    const path = join(await temporaryFolder(test), 'app.yaml')
    await writeFile(path, 'servers:\n  - 10.0.0.1:80\n  - { name: two, address: 10.0.0.2, weight: 3, state: drain }\n')
    const watch = new Watch(test, path)
    assert.deepEqual(await watch.next(), {
      servers: [
        { id: '10.0.0.1:80', name: '10.0.0.1:80', address: '10.0.0.1:80' },
        { id: 'two', name: 'two', address: '10.0.0.2:80', state: 'drain', settings: { weight: 3 } },
      ],
      mistakes: [],
    })
    const replaced = watch.names()
    await replace(path, '["10.0.0.3:80"]')
    assert.deepEqual(await replaced, ['10.0.0.3:80'])
    const written = watch.names()
    await writeFile(path, '- 10.0.0.4:80\n')
    assert.deepEqual(await written, ['10.0.0.4:80'])
  })

  it('says nothing while the servers are the same', async (test) => {
    const path = join(await temporaryFolder(test), 'app.yaml')
    await writeFile(path, '- a:80\n- b:80\n')
    const watch = new Watch(test, path)
    assert.deepEqual(await watch.names(), ['a:80', 'b:80'])
    const next = watch.names()
    await replace(path, '# Another comment.\nservers: [a:80, b:80]\n')
    await pause(200)
    await replace(path, '- c:80\n')
    assert.deepEqual(await next, ['c:80'])
  })

  it('waits for the rest of a file that is written in pieces', async (test) => {
    const path = join(await temporaryFolder(test), 'app.yaml')
    await writeFile(path, '- a:80\n')
    const watch = new Watch(test, path)
    await watch.next()
    const next = watch.names()
    const file = await open(path, 'w')
    for (const piece of ['- 10.0.0.1:80\n', '- 10.0.', '0.2:80', '80\n- { address: b', '}\n']) {
      await file.write(piece)
      await pause(60)
    }
    await file.close()
    const names = await next
    // The first piece is a list of its own if the writer is slow, and half an address never is.
    const whole = names.length === 1 ? await watch.names() : names
    assert.deepEqual(whole, ['10.0.0.1:80', '10.0.0.2:8080', 'b:80'])
  })

  it('fails where a text is no list, and goes on as soon as it is one', async (test) => {
    const path = join(await temporaryFolder(test), 'app.yaml')
    await writeFile(path, '- a:80\n')
    const watch = new Watch(test, path)
    await watch.next()
    const failing = watch.next()
    await writeFile(path, 'servers: [a:80, {address: b\n')
    await assert.rejects(failing, { message: new RegExp(`^${path}:\\d+:\\d+: expected YAML: `) })
    const end = new AbortController()
    const changed = watch.provider.changed!(end.signal)
    await replace(path, '- b:80\n')
    await changed
    const again = watch.provider.watch(end.signal)[Symbol.asyncIterator]()
    assert.deepEqual((await again.next()).value?.servers[0]?.name, 'b:80')
    end.abort()
    assert.equal((await again.next()).done, true)
  })

  it('fails where the file is missing or empty, and notices when it appears in a folder that appears', async (test) => {
    const folder = await temporaryFolder(test)
    const path = join(folder, 'later', 'still', 'app.yaml')
    const watch = new Watch(test, path)
    await assert.rejects(watch.next(), { message: `${path}: cannot be read: no such file or directory` })
    const changed = watch.provider.changed!(new AbortController().signal)
    await mkdir(join(folder, 'later', 'still'), { recursive: true })
    await writeFile(path, '')
    await changed
    const second = watch.provider.watch(new AbortController().signal)[Symbol.asyncIterator]()
    await assert.rejects(second.next() as Promise<unknown>, {
      message: `${path}:1:1: expected a list of servers, found an empty file`,
    })
  })

  it('fails where the file has vanished, but not while it is replaced', async (test) => {
    const path = join(await temporaryFolder(test), 'app.yaml')
    await writeFile(path, '- a:80\n')
    const watch = new Watch(test, path)
    await watch.next()
    const next = watch.names()
    await rm(path)
    await pause(100)
    await writeFile(path, '- b:80\n')
    assert.deepEqual(await next, ['b:80'])
    const failing = watch.next()
    await rm(path)
    await assert.rejects(failing, /no such file/)
  })

  it('follows the links of a ConfigMap, and links to files elsewhere', async (test) => {
    const folder = await temporaryFolder(test)
    const mount = join(folder, 'mount')
    for (const [version, text] of [
      ['..1', '- a:80\n'],
      ['..2', '- b:80\n'],
    ] as const) {
      await mkdir(join(mount, version), { recursive: true })
      await writeFile(join(mount, version, 'app.yaml'), text)
    }
    await symlink('..1', join(mount, '..data'))
    await symlink('..data/app.yaml', join(mount, 'app.yaml'))
    const linked = join(folder, 'linked.yaml')
    await symlink('mount/app.yaml', linked)
    const watches = [new Watch(test, join(mount, 'app.yaml')), new Watch(test, linked)]
    for (const watch of watches) assert.deepEqual(await watch.names(), ['a:80'])
    const next = watches.map((watch) => watch.names())
    await symlink('..2', join(mount, '..data_tmp'))
    await rename(join(mount, '..data_tmp'), join(mount, '..data'))
    assert.deepEqual(await Promise.all(next), [['b:80'], ['b:80']])
  })

  it('notices a change in a folder that took the place of another', async (test) => {
    const folder = await temporaryFolder(test)
    const place = join(folder, 'lists')
    await mkdir(place)
    await writeFile(join(place, 'app.yaml'), '- a:80\n')
    const watch = new Watch(test, join(place, 'app.yaml'))
    await watch.next()
    const next = watch.names()
    await mkdir(join(folder, 'other'))
    await writeFile(join(folder, 'other', 'app.yaml'), '- b:80\n')
    await rename(place, join(folder, 'old'))
    await rename(join(folder, 'other'), place)
    assert.deepEqual(await next, ['b:80'])
    const further = watch.names()
    await writeFile(join(place, 'app.yaml'), '- c:80\n')
    assert.deepEqual(await further, ['c:80'])
  })

  it('refuses what is no regular file, no text, or too large', async (test) => {
    const folder = await temporaryFolder(test)
    const path = join(folder, 'app.yaml')
    await writeFile(path, Buffer.from([0xff, 0xfe, 0x00]))
    await assert.rejects(new Watch(test, path).next(), { message: `${path}: expected UTF-8 text, found other bytes` })
    await writeFile(path, `["${'a'.repeat(9_000_000)}"]`)
    await assert.rejects(new Watch(test, path).next(), /expected at most 8388608 bytes, found 9000004/)
    await assert.rejects(new Watch(test, '/dev/zero').next(), {
      message: '/dev/zero: expected a file, found a device or socket',
    })
  })

  it('ends when it is no longer wanted, also while it waits', async (test) => {
    const path = join(await temporaryFolder(test), 'app.yaml')
    await writeFile(path, '- a:80\n')
    const watch = new Watch(test, path)
    await watch.next()
    const waiting = watch.end()
    assert.deepEqual(await waiting, { value: undefined, done: true })
  })
})

describe('from: file, a folder', () => {
  it('has the servers of all its lists, in the order of their names', async (test) => {
    const folder = await temporaryFolder(test)
    await writeFile(join(folder, 'b.json'), '["b:80"]')
    await writeFile(join(folder, 'a.yaml'), '- a:80\n')
    await writeFile(join(folder, '.c.yaml'), '- hidden:80\n')
    await writeFile(join(folder, 'notes.txt'), 'no list')
    const watch = new Watch(test, folder)
    assert.deepEqual(await watch.names(), ['a:80', 'b:80'])
    const added = watch.names()
    await writeFile(join(folder, 'c.yml'), 'servers: [c:80]\n')
    assert.deepEqual(await added, ['a:80', 'b:80', 'c:80'])
    const removed = watch.names()
    await rm(join(folder, 'a.yaml'))
    assert.deepEqual(await removed, ['b:80', 'c:80'])
  })

  it('keeps names unique over all files: the first has it', async (test) => {
    const folder = await temporaryFolder(test)
    await writeFile(join(folder, 'a.yaml'), '- { name: web, address: a }\n')
    await writeFile(join(folder, 'b.yaml'), '\n- { name: web, address: b }\n- { name: other, id: web, address: c }\n')
    const { servers, mistakes } = await new Watch(test, folder).next()
    assert.deepEqual(
      servers.map(({ address }) => address),
      ['a:80'],
    )
    assert.deepEqual(mistakes, [
      {
        where: `${folder}/b.yaml:2:3`,
        message: 'expected each name once, found "web" again',
        hint: 'give it another name',
      },
      {
        where: `${folder}/b.yaml:3:3`,
        message: 'expected each id once, found "web" again',
        hint: 'give it another id',
      },
    ])
  })

  it('keeps what a file had that is broken now, says so, and follows the others', async (test) => {
    const folder = await temporaryFolder(test)
    await writeFile(join(folder, 'a.yaml'), '- a:80\n')
    await writeFile(join(folder, 'b.yaml'), '- b:80\n')
    const watch = new Watch(test, folder)
    await watch.next()
    const broken = watch.next()
    await writeFile(join(folder, 'a.yaml'), 'hello\n')
    const { servers, mistakes } = await broken
    assert.deepEqual(
      servers.map(({ name }) => name),
      ['a:80', 'b:80'],
    )
    assert.deepEqual(mistakes, [
      { where: `${folder}/a.yaml:1:1`, message: 'expected a list of servers, found "hello"', hint: undefined },
    ])
    const next = watch.names()
    await appendFile(join(folder, 'b.yaml'), '- c:80\n')
    assert.deepEqual(await next, ['a:80', 'b:80', 'c:80'])
  })

  it('has no servers where the folder is empty, and fails where it is gone', async (test) => {
    const folder = join(await temporaryFolder(test), 'lists')
    await mkdir(folder)
    const watch = new Watch(test, folder)
    assert.deepEqual(await watch.names(), [])
    const failing = watch.next()
    await rm(folder, { recursive: true })
    await assert.rejects(failing, /no such file or directory/)
  })
})
