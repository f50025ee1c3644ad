import { emitKeypressEvents, type Key } from 'node:readline'
import type { Size } from './screen.ts'
import { type Paint, paint, paintNothing } from './tone.ts'

/** The alternative screen, no cursor, and no wrapping of lines that are too long (xterm's control sequences). */
const ENTER = '\u001B[?1049h\u001B[?25l\u001B[?7l\u001B[2J'
const LEAVE = '\u001B[?7h\u001B[?25h\u001B[?1049l'
/** A terminal that knows these shows what is between them at once. */
const BEGIN_UPDATE = '\u001B[?2026h'
const END_UPDATE = '\u001B[?2026l'

/** The terminal of this process, taken over for a full screen until it is restored. */
export class Terminal {
  readonly #input = process.stdin
  readonly #output = process.stdout
  #lines: readonly string[] = []
  #isOurs = false

  /** Whether it shows colours; NO_COLOR turns them off. */
  get paint(): Paint {
    return this.#output.hasColors() ? paint : paintNothing
  }

  get size(): Size {
    const { columns, rows } = this.#output
    // Some pseudo-terminals say 0.
    return { columns: columns || 80, rows: rows || 24 }
  }

  /**
   * @param pressed called with each key, and with what it has written
   * @param resized called after the screen was cleared
   */
  takeOver(pressed: (key: Key, text: string) => void, resized: () => void): void {
    this.#isOurs = true
    process.on('exit', this.restore)
    emitKeypressEvents(this.#input)
    this.#input.setRawMode(true)
    this.#input.on('keypress', (text: string | undefined, key: Key) => pressed(key, text ?? ''))
    this.#input.resume()
    this.#output.write(ENTER)
    const redraw = () => {
      if (!this.#isOurs) return
      this.#lines = []
      this.#output.write('\u001B[2J')
      resized()
    }
    this.#output.on('resize', redraw)
  }

  /** Shows the lines, from the top; only those that differ are written. */
  draw(lines: readonly string[]): void {
    if (!this.#isOurs) return
    const changed = lines.flatMap((line, index) =>
      line === this.#lines[index] ? [] : `\u001B[${index + 1};1H${line}\u001B[K`,
    )
    this.#lines = lines
    if (changed.length > 0) this.#output.write(BEGIN_UPDATE + changed.join('') + END_UPDATE)
  }

  /** Gives it back as it was. */
  readonly restore = (): void => {
    if (!this.#isOurs) return
    this.#isOurs = false
    process.off('exit', this.restore)
    this.#input.setRawMode(false)
    this.#input.pause()
    this.#output.write(LEAVE)
  }
}
