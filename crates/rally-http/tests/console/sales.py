"""Sales data in the form of the public set "CRM Sales Opportunities": accounts, agents, and a pipeline of opportunities.

`SALES_DATA=FOLDER` names a folder that has the set itself; without it, a smaller one is made.
"""

import csv
import os
from collections import Counter
from datetime import datetime
from pathlib import Path

STAGES = {"Prospecting": "Lead", "Engaging": "Qualified", "Won": "Closed Won", "Lost": "Closed Lost"}
AGENTS = ["Anna Snelling", "Moses Frase", "Zane Levy"]
ACCOUNTS = ["Acme Corporation", "Betasoloin", "Cancity", "Ganjaflex"]
SMALL = {"Prospecting": 30, "Engaging": 70, "Won": 120, "Lost": 12}


class Sales:
    """The data, and what a board has to show once a fake has it."""

    def __init__(self):
        folder = os.environ.get("SALES_DATA")
        read = _read(Path(folder)) if folder else _make()
        self.accounts, self.agents, self.opportunities = read
        stages = [STAGES[row["deal_stage"]] for row in self.opportunities]
        self.counts = Counter(stages)
        self.sums = Counter()
        for stage, row in zip(stages, self.opportunities):
            self.sums[stage] += int(row["close_value"] or 0)

    def fill(self, fake):
        """Puts all of it into the tenant of a fake: accounts are companies, agents are users, opportunities are deals."""
        companies = _create(fake, "companies", [
            {"name": row["account"], "industry": row["sector"] or None, "employeeCount": int(row["employees"]), "annualRevenue": float(row["revenue"])}
            for row in self.accounts
        ])
        companies = {row["account"]: id for row, id in zip(self.accounts, companies)}
        users = {}
        for agent in self.agents:
            email = agent.lower().replace(" ", ".") + "@sales.example"
            users[agent] = fake.post("users", {"email": email, "name": agent, "scopes": "write"})["id"]
        pipeline = fake.pipeline()
        stages = {stage["name"]: stage["id"] for stage in pipeline["stages"]}
        _create(fake, "deals", [
            {
                "name": f"{row['opportunity_id']} {row['product']}",
                "pipelineId": pipeline["id"],
                "stageId": stages[STAGES[row["deal_stage"]]],
                "companyId": companies.get(row["account"]),
                "ownerId": users.get(row["sales_agent"]),
                "value": int(row["close_value"]) if row["close_value"] else None,
                "expectedCloseDate": _day(row["close_date"]),
            }
            for row in self.opportunities
        ])


def _create(fake, kind, bodies):
    ids = []
    for first in range(0, len(bodies), 100):
        outcome = fake.post(f"{kind}/bulk", bodies[first : first + 100])
        assert outcome["failed"] == 0, outcome
        ids += [result["id"] for result in outcome["results"]]
    return ids


def _day(text):
    return datetime.strptime(text, "%m/%d/%Y").date().isoformat() if text else None


def _read(folder):
    def rows(name):
        with open(folder / name, newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    agents = [row["sales_agent"] for row in rows("sales_teams.csv")]
    return rows("accounts.csv"), agents, rows("sales_pipeline.csv")


def _make():
    accounts = [{"account": name, "sector": "retail", "employees": "100", "revenue": "12.5"} for name in ACCOUNTS]
    opportunities = [
        {
            "opportunity_id": f"{stage[0]}{at:03}", "product": "GTX Basic", "deal_stage": stage,
            "account": [*ACCOUNTS, ""][at % 5], "sales_agent": AGENTS[at % 3],
            "close_value": str(500 + at) if stage == "Won" else "0" if stage == "Lost" else "",
            "close_date": f"{at % 12 + 1}/{at % 28 + 1}/2017" if stage in ("Won", "Lost") else "",
        }
        for stage, number in SMALL.items()
        for at in range(number)
    ]
    return accounts, AGENTS, opportunities
