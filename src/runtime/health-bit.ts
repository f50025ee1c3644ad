/**
 * A server's health, as bits of one number; 0 is a healthy server. `Suspended`: too many requests to it failed
 * (balancing/server-state.ts). `Unhealthy`: its health check fails. `Ejected`: too many of its answers are bad. `Panic`: so
 * few servers of its upstream are healthy that the other bits do not count. `Returning`: it is back, and has answered neither a request
 * nor a check since, so that it may still be starting. All but `Suspended` are set by the control plane (health/).
 */
export const HealthBit = { Suspended: 1, Unhealthy: 2, Ejected: 4, Panic: 8, Returning: 16 } as const
export type HealthBit = (typeof HealthBit)[keyof typeof HealthBit]

/** The bits that keep a server from serving, unless there is a panic. */
export const AILMENTS = HealthBit.Suspended | HealthBit.Unhealthy | HealthBit.Ejected
