"""The papers' experiments on a folder of patients, each whole in one command; resumable, with one page at the end."""
