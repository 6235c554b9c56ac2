"""Pairs and rows out of other people's files: tables, chats, data sets of the Hub."""
