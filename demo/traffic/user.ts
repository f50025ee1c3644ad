import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { WebSocket } from 'ws'
import type { Browser } from './browser.ts'
import type { Dice } from './dice.ts'

const FILES = ['/style.css', '/app.js', '/favicon.svg']
const SENTENCES = ['Good morning.', 'Is the lecture at ten?', 'Yes, in the large hall.', 'Thanks!', 'See you there.']

/** A user of the demo: visits, looks at lists of students, talks in the chat, leaves, and comes back. */
export class User {
  readonly #browser: Browser
  readonly #dice: Dice

  constructor(browser: Browser, dice: Dice) {
    this.#browser = browser
    this.#dice = dice
  }

  /** Goes on for as long as the process runs. One request follows the other, so a slow site gets less of them. */
  async live(): Promise<never> {
    await this.#wait(0, 6)
    for (;;) {
      await this.#readLists()
      if (!this.#dice.oneIn(3)) await this.#chat()
      await this.#wait(2, 12)
      if (this.#dice.oneIn(4)) this.#browser.forget()
    }
  }

  async #readLists(): Promise<void> {
    await this.#browser.ask('GET', '/')
    for (const file of FILES) await this.#browser.ask('GET', file)
    for (let lists = this.#dice.between(2, 8); lists > 0; lists--) {
      await this.#browser.ask('GET', '/api/student')
      await this.#wait(1, 2)
    }
    if (this.#dice.oneIn(5)) await this.#browser.ask('GET', '/a-page-of-last-year')
  }

  /** Opens the chat, and stays for up to a minute. */
  async #chat(): Promise<void> {
    await this.#browser.ask('GET', '/chat/')
    const socket = this.#browser.open('/chat/socket').on('error', () => {})
    const closed = once(socket, 'close')
    for (let turns = this.#dice.between(4, 20); turns > 0 && socket.readyState <= WebSocket.OPEN; turns--) {
      await this.#wait(1, 3)
      await this.#browser.ask('GET', '/chat/messages')
      if (this.#dice.oneIn(2) && socket.readyState === WebSocket.OPEN) socket.send(this.#dice.pick(SENTENCES))
    }
    socket.close()
    await closed
  }

  /** Between so many seconds. */
  #wait(least: number, most: number): Promise<void> {
    return setTimeout(this.#dice.between(least * 1000, most * 1000))
  }
}
