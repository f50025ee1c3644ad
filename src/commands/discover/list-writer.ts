import { chmodSync, closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { ServedList } from './server-lists.ts'

/** Writes a list to a file that others watch: a reader finds the old one or the new one, and never half of it. */
export class ListWriter {
  readonly #path: string
  readonly #mode: number
  #tag: string | undefined

  constructor(path: string, mode: number) {
    this.#path = path
    this.#mode = mode
  }

  /** @throws the system's error */
  write({ body, tag }: ServedList): void {
    if (tag === this.#tag) return
    const other = join(dirname(this.#path), `.${basename(this.#path)}.${process.pid}`)
    try {
      const file = openSync(other, 'wx', 0o600)
      try {
        for (let at = 0; at < body.length; ) at += writeSync(file, body, at)
        fsyncSync(file)
      } finally {
        closeSync(file)
      }
      chmodSync(other, this.#mode)
      renameSync(other, this.#path)
    } catch (error) {
      rmSync(other, { force: true })
      throw error
    }
    this.#tag = tag
  }
}
