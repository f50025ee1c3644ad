import { readdir, realpath, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { ServerList } from '../provider.ts'
import { type ListedServers, NoServerList, united } from '../server-list.ts'
import { ListFile } from './list-file.ts'

/** The most files of one folder. */
const MAX_FILES = 1024

export interface Look {
  /** Where a change of what was seen would show. */
  readonly directories: ReadonlySet<string>
  /** Whether it may be something else in a moment. */
  readonly isChanging: boolean
  /** Another one where something else is there. */
  readonly signature: string
  /** @throws NoServerList where it is no list */
  found(): ServerList
}

/** A file with a list of servers, or a folder with such files: `*.yaml`, `*.yml` and `*.json`, without those that begin with a dot. */
export class ListFiles {
  readonly #path: string
  #files = new Map<string, ListFile>()

  constructor(path: string) {
    this.#path = path
  }

  async look(): Promise<Look> {
    const names = await namesIn(this.#path)
    const isFolder = names !== undefined
    const files = await this.#lookAt(names?.slice(0, MAX_FILES).map((name) => join(this.#path, name)) ?? [this.#path])
    const around = isFolder ? [this.#path] : []
    const directories = await Promise.all([
      nearestDirectory(dirname(this.#path)),
      ...files.map(({ path }) => targetDirectory(path)),
    ])
    return {
      directories: new Set([...directories, ...around]),
      isChanging: files.some(({ isChanging }) => isChanging),
      signature: [names?.length, ...files.map(({ path, signature }) => `${path} ${signature}`)].join('\n'),
      found: () => {
        if (isFolder && names.length > MAX_FILES) throw tooManyFiles(this.#path, names.length)
        return found(files, isFolder)
      },
    }
  }

  /** Those of the paths, and those that were there until a moment ago. */
  async #lookAt(paths: readonly string[]): Promise<ListFile[]> {
    const all = [...new Set([...this.#files.keys(), ...paths])].sort()
    const files = all.map((path) => this.#files.get(path) ?? new ListFile(path))
    await Promise.all(files.map((file) => file.look()))
    const there = new Set(paths)
    const kept = files.filter(({ path, isMissing, isChanging }) => there.has(path) || (isMissing && isChanging))
    this.#files = new Map(kept.map((file) => [file.path, file]))
    return kept
  }
}

/** The names of the lists in a folder; undefined where it is none. */
async function namesIn(folder: string): Promise<string[] | undefined> {
  try {
    const names = await readdir(folder)
    return names.filter((name) => /^[^.].*\.(?:ya?ml|json)$/.test(name)).sort()
  } catch {
    return undefined
  }
}

/** The list of a single file; all lists of a folder, where each file that is broken counts as it was before. */
function found(files: readonly ListFile[], isFolder: boolean): ServerList {
  const failures = files.flatMap(({ failure }) => failure ?? [])
  const [first] = failures
  if (first !== undefined && (!isFolder || failures.length === files.length)) throw first
  return united(files.map(listedIn))
}

function listedIn({ listed, failure }: ListFile): ListedServers {
  const before = listed ?? noServers
  return failure === undefined ? before : { ...before, mistakes: [failure.mistake] }
}

const noServers: ListedServers = {
  entries: [],
  known: new Map(),
  mistakes: [],
  mistake: ({ message, hint }) => ({ where: '', message, hint }),
}

function tooManyFiles(where: string, count: number): NoServerList {
  return new NoServerList({ where, message: `expected at most ${MAX_FILES} files, found ${count}` })
}

/** The directory itself, or the nearest one above it where it is not there yet. */
async function nearestDirectory(directory: string): Promise<string> {
  const isThere = await stat(directory).then(
    (it) => it.isDirectory(),
    () => false,
  )
  return isThere || directory === dirname(directory) ? directory : nearestDirectory(dirname(directory))
}

/** Where a link leads: the file there may be replaced, too. */
function targetDirectory(path: string): Promise<string> {
  return realpath(path).then(dirname, () => dirname(path))
}
