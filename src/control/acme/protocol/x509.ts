// @peculiar/x509 demands it of the program that uses it.
import 'reflect-metadata'

export * from '@peculiar/x509'
